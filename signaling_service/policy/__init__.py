"""Who may call whom: what the operator decides, asked before every call."""
