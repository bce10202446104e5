"""What several tests share: real databases, real servers, real receivers."""
