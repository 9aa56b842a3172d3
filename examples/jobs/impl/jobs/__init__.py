"""A job shop in plain Python: bounded queues, and workers who wait in line for something to do."""
