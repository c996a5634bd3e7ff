"""Many images, many models: numbers that stand between computing and drawing."""
