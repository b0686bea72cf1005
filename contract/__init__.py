"""The ground floor: what two stages promise each other, one module a promise. It imports nothing of ours."""
