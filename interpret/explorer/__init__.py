"""One front end: models side by side under sliders."""
