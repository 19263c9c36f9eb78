#!/bin/sh
# A database and a role for each service, where they are missing. Runs to its end at every start, so that a service
# that is new to an installation gets its own. Passwords come from the environment as <SERVICE>_DATABASE_PASSWORD.
set -eu
if ! complaint=$(psql -XAtqc 'SELECT 1' 2>&1 >/dev/null); then
  case $complaint in
  *'password authentication failed'*)
    echo 'POSTGRES_PASSWORD in .env is not the one that the database was made with: put that .env back (docs/containers.md).' >&2
    ;;
  *) echo "The database can't be used: $complaint" >&2 ;;
  esac
  exit 1
fi
for prefix in $(env | sed -n 's/^\([A-Z_]*\)_DATABASE_PASSWORD=.*/\1/p' | sort); do
  name="lightbox_$(echo "$prefix" | tr '[:upper:]' '[:lower:]')"
  # psql reads the password from the environment: its arguments can be read by every user of the machine.
  psql -v ON_ERROR_STOP=1 -v name="$name" -v variable="${prefix}_DATABASE_PASSWORD" <<'SQL'
\getenv password :variable
SELECT format('CREATE ROLE %I LOGIN', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
SELECT format('ALTER ROLE %I PASSWORD %L', :'name', :'password') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SELECT format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', :'name') \gexec
SQL
done
