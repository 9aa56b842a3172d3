"""What is not proved is tested: situations that reach its paths are varied, and the real code is run in them."""
