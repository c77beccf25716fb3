"""What is right and probably not meant: checks of a whole project, and of the lists it has imported."""
