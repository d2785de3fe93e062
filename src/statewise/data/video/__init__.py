"""Moving pictures: frames with their times, out of films, animated pictures, folders of pictures and cameras."""
