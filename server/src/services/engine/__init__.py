"""Generation in order: the queue's feed, its consumer, and leader election."""
