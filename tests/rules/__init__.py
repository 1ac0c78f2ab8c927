"""Single rules on small stored inputs: what comes out is what came out before, within a tolerance."""
