#!/bin/sh
echo s3cret
