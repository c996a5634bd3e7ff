"""Paper twins: every rule re-implemented in a slower, less complicated way, which closely follows the definition in
the original works.

A twin is numpy in float64, loops where the formula has an index, knows one image (no batch axis) and never imports
the package it is compared with. `golden` holds the numbers worked out by hand or in closed form; twin and package are
held to the same table.
"""
