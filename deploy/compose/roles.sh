#!/bin/bash
# Runs once, when PostgreSQL's volume is empty: the roles `tovholder migrate` grants to. Two per service, neither owning
# anything; the owner may not pass by row-level security.
set -euo pipefail
secrets=${TOVHOLDER_SECRETS_FOLDER:-/run/secrets/tovholder}
{
  for file in "$secrets"/database-*; do
    role=${file##*/database-}
    [ "$role" = postgres ] && continue
    printf 'create role "%s" login nosuperuser nobypassrls nocreatedb nocreaterole password %s;\n' "$role" "'$(cat "$file")'"
  done
  printf 'alter database "%s" owner to tovholder_owner;\n' "$POSTGRES_DB"
  printf 'revoke all on database "%s" from public;\n' "$POSTGRES_DB"
  for file in "$secrets"/database-*; do
    role=${file##*/database-}
    [ "$role" = postgres ] || printf 'grant connect on database "%s" to "%s";\n' "$POSTGRES_DB" "$role"
  done
} | psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB"
