"""`python -m auth_service ...`: the commands of this service, for the database that the environment names."""

from lightbox_shared.commands.main import main

if __name__ == "__main__":
    main("auth-service")
