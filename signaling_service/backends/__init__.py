"""Where calls, mailboxes, sessions and deadlines live."""
