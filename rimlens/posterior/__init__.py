"""The posterior of one lens: its maximum, its width, and draws from it."""
