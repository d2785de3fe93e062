"""Games: a policy with a memory, which learns by playing an environment of Gymnasium."""
