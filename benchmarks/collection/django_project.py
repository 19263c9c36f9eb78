"""A simple implementation of the collection as a Django project: Django REST framework, one model, one view, SQLite.

It reads JSON and CBOR, decodes base64, checks pictures by Pillow, stores them compressed by zlib, and finds them by an
index on device and timestamp. SQLite waits longer for its lock than by default, so that no request fails because of
that. The source of the project is text in this module, since its packages are in an environment of their own.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.environments import PeerEnvironment
from benchmarks.harness import FOLDER
from benchmarks.running import free_port, running

ENVIRONMENT: Final = PeerEnvironment("Django", FOLDER / "collection" / "django-requirements.txt")
READY: Final = "/.well-known/core"

MANAGE: Final = """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
execute_from_command_line(sys.argv)
"""
WSGI: Final = """\
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
application = get_wsgi_application()
"""
SETTINGS: Final = """\
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "only-for-a-benchmark"
DEBUG = os.environ.get("SEED_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1"]
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
INSTALLED_APPS = ["rest_framework", "images"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
        "OPTIONS": {"timeout": 60},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
REST_FRAMEWORK = {
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser", "images.parsers.CBORParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
"""
URLS: Final = """\
from django.urls import path

from images.views import Discovery, Images

urlpatterns = [
    path(".well-known/core", Discovery.as_view()),
    path("collections", Discovery.as_view()),
    path("collections/images", Images.as_view()),
]
"""
MODELS: Final = """\
from django.db import models


class Image(models.Model):
    device_id = models.CharField(max_length=255)
    timestamp = models.DateTimeField()
    media_type = models.CharField(max_length=64)
    data = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["device_id", "timestamp"])]
"""
PARSERS: Final = """\
import cbor2
from rest_framework.parsers import BaseParser


class CBORParser(BaseParser):
    media_type = "application/cbor"

    def parse(self, stream, media_type=None, parser_context=None):
        return cbor2.load(stream)
"""
SERIALIZERS: Final = """\
import base64
import binascii
import io
import zlib

import PIL.Image
from rest_framework import serializers

from images.models import Image


class ImageSerializer(serializers.ModelSerializer):
    deviceId = serializers.CharField(source="device_id", max_length=255)
    imageData = serializers.CharField(write_only=True, trim_whitespace=False)

    class Meta:
        model = Image
        fields = ["id", "deviceId", "timestamp", "imageData"]

    def validate_imageData(self, value):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise serializers.ValidationError("Not base64.") from error

    def create(self, validated_data):
        data = validated_data.pop("imageData")
        try:
            with PIL.Image.open(io.BytesIO(data)) as picture:
                media_type = picture.get_format_mimetype()
        except PIL.UnidentifiedImageError as error:
            raise serializers.ValidationError({"imageData": "Not a picture."}) from error
        return Image.objects.create(media_type=media_type, data=zlib.compress(data), **validated_data)


class QuerySerializer(serializers.Serializer):
    deviceId = serializers.CharField()
    timestamp = serializers.DateTimeField()
"""
VIEWS: Final = """\
import zlib

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import APIView

from images.models import Image
from images.serializers import ImageSerializer, QuerySerializer

LINKS = '</collections/images>;rt="simple.act";if="core.b"'


class Discovery(APIView):
    def get(self, request):
        return HttpResponse(LINKS, content_type="application/link-format")


class Images(APIView):
    def post(self, request):
        serializer = ImageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data, status=status.HTTP_201_CREATED)

    def get(self, request):
        query = QuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        found = query.validated_data
        image = get_object_or_404(Image, device_id=found["deviceId"], timestamp=found["timestamp"])
        return HttpResponse(zlib.decompress(image.data), content_type=image.media_type)
"""
FILES: Final = {
    "manage.py": MANAGE,
    "project/__init__.py": "",
    "project/wsgi.py": WSGI,
    "project/settings.py": SETTINGS,
    "project/urls.py": URLS,
    "images/__init__.py": "",
    "images/models.py": MODELS,
    "images/parsers.py": PARSERS,
    "images/serializers.py": SERIALIZERS,
    "images/views.py": VIEWS,
}
SERVERS: Final = {
    "Django's development server": ("python", "manage.py", "runserver", "--noreload", "{address}"),
    "gunicorn with two sync workers": ("gunicorn", "-w", "2", "-b", "{address}", "project.wsgi"),
    "gunicorn with two workers of four threads": (
        "gunicorn", "-w", "2", "-k", "gthread", "--threads", "4", "-b", "{address}", "project.wsgi",
    ),
}  # fmt: skip
"""The first one is Django's development server, without the process that watches files for changes."""


@contextmanager
def serving(folder: Path, server: str) -> Iterator[str]:
    """Run the project with a new database on one of `SERVERS`. Yields its URL. Raises `BenchmarkError`."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    migrate = [ENVIRONMENT.program("python"), "manage.py", "migrate", "--run-syncdb", "-v", "0"]
    subprocess.run(migrate, check=True, cwd=folder)
    port = free_port()
    program, *options = (argument.format(address=f"127.0.0.1:{port}") for argument in SERVERS[server])
    settings = {"SEED_DEBUG": "1"} if "runserver" in options else {}
    address = f"http://127.0.0.1:{port}"
    command = [ENVIRONMENT.program(program), *options]
    with running(command, address + READY, folder, PYTHONPATH=str(folder), PATH=os.environ["PATH"], **settings):
        yield address
