"""The OAuth clients that administrators have registered: web pages and programs which sign people in here."""
