"""Push campaigns: items for people whom they fit, through channels that people can refuse, never twice.

In: campaigns that two people agreed on. Out: messages, each with its deadline and its true reason.
"""
