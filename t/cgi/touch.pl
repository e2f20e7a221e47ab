#!/usr/bin/perl
# Leaves a file behind, so that nobody can have run it unnoticed.
use strict;
use warnings;

open my $out, '>>', $ENV{TOUCHED} or die "$ENV{TOUCHED}: $!";
print $out "$ENV{REQUEST_METHOD} $ENV{REQUEST_URI}\n";
close $out or die "$ENV{TOUCHED}: $!";
print "Content-Type: text/plain\r\n\r\ntouched\n";
