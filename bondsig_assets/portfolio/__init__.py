"""From scores to positions. Belongs here: filters and portfolio rules. Not here: learning."""
