# SPDX-License-Identifier: ISC
# Net::SFTP::Foreign, a command a line: see sftp_drivers.py.
use strict;
use warnings;
use Net::SFTP::Foreign;

my ($port, $user, $hosts, $key) = @ARGV;
my $s = Net::SFTP::Foreign->new('127.0.0.1', port => $port, user => $user, autodie => 1, ($key ? (key_path => $key) : (password => $ENV{PASS})),
	fs_encoding => 'latin1', more => ['-o', "UserKnownHostsFile=$hosts", '-o', 'IdentitiesOnly=yes']);
my %commands = (
	ls => sub { map { $_->{filename} } @{ $s->ls($_[0]) } },
	put => sub { $s->put($_[0], $_[1]); () },
	get => sub { $s->get($_[0], $_[1]); () },
	reput => sub { $s->put($_[0], $_[1], resume => 1); () },
	reget => sub { $s->get($_[0], $_[1], resume => 1); () },
	mv => sub { $s->rename($_[0], $_[1]); () },
	ln => sub { $s->symlink($_[1], $_[0]); () },
	chmod => sub { $s->chmod($_[0], oct $_[1]); () },
	touch => sub { $s->utime($_[0], $_[1], $_[1]); () },
	puttree => sub { $s->rput($_[0], $_[1]); () },
	gettree => sub { $s->rget($_[0], $_[1]); () },
);
$| = 1;
print "ok\n";
while (my $line = <STDIN>) {
	my ($command, @words) = split ' ', $line;
	my @found = eval { $commands{$command}->(map { pack 'H*', $_ } @words) };
	my $why = $@ =~ s/\n/ /gr;
	print $why ? "no $why\n" : join(' ', 'ok', map { unpack 'H*', $_ } @found) . "\n";
}
