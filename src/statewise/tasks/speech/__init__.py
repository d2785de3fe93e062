"""Speech: a network that writes down what is said, as it is said."""
