"""Who somebody is, from credentials alone. Whatever carries them, this decides."""
