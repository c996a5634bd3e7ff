"""WHAT IF: interventions are context managers on a loaded model, applied inside its forward pass."""
