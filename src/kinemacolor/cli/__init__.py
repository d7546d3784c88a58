"""The command line: verbs, their options, and what they say to a person.

Takes words from a shell; gives exit codes (`errors`), lines on standard error, and JSON on standard output where it is
asked for. A verb checks what it was given before it imports anything heavy. Nothing else imports from here: what a verb
does is done by the rooms below, which know nothing of terminals.
"""
