"""Generation in order: the feed of the queue, its consumer, and who leads."""
