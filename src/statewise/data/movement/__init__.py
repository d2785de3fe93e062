"""Movements: landmarks, sensors and films with times, labels and people, as steps that a network reads."""
