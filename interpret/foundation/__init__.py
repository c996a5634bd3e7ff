"""What everything stands on: errors, registries, axis names, files, tables, and what the commands share."""
