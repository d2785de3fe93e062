"""Sample utterances of bots: what people say, what they want by it, and which words are the details."""
