"""`python -m inference_service ...`: the commands of this service, for the database of the environment."""

from lightbox_shared.commands.main import main

if __name__ == "__main__":
    main("inference-service")
