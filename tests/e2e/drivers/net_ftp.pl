# SPDX-License-Identifier: ISC
# Perl's Net::FTP as a client. Reads lines "verb TAB argument..." and answers each with "ok TAB text" or "error TAB text".
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Find qw(find);
use File::Path qw(make_path);
use Net::FTP;
use POSIX qw(strftime _exit);

my ($port, $user, $password, $ca, $tls) = @ARGV;
my $f;
$| = 1;

sub connected {
	my $one = Net::FTP->new("localhost", Port => $port, Timeout => 30, Passive => 1, SSL_ca_file => $ca,
		SSL_version => $tls, SSL_verifycn_name => "localhost") or die "new: $@\n";
	$one->starttls or die "starttls: " . $one->message;
	$one->login($user, $password) or die "login: " . $one->message;
	$one->binary;
	return $one;
}

sub must {
	my ($good, $what) = @_;
	die "$what: " . $f->message . "\n" unless $good;
	return $good;
}

sub eight {
	my ($work, @pairs) = @_;
	my @children;
	for my $i (0 .. 7) {
		my $pid = fork;
		die "fork" unless defined $pid;
		if ($pid == 0) {
			eval {
				$f = connected();
				for (my $n = $i; $n < @pairs; $n += 8) { $work->(split /\|/, $pairs[$n]) }
				$f->quit;
			};
			warn $@ if $@;
			_exit($@ ? 1 : 0);
		}
		push @children, $pid;
	}
	my $bad = 0;
	for (@children) { waitpid $_, 0; $bad++ if $? }
	die "$bad of 8 failed\n" if $bad;
}

sub tree_down {
	my ($remote, $local) = @_;
	make_path($local);
	for my $line ($f->dir($remote)) {
		my ($type, $name) = $line =~ /^(.)\S+\s+\S+\s+\S+\s+\S+\s+\d+\s+\S+\s+\S+\s+\S+ (.*)$/ or next;
		if ($type eq "d") { tree_down("$remote/$name", "$local/$name") }
		else { must(scalar($f->get("$remote/$name", "$local/$name")), "get $name") }
	}
}

sub tree_up {
	my ($local, $remote) = @_;
	my (@dirs, @files);
	find({ no_chdir => 1, wanted => sub { my $name = substr $_, length $local; -d $_ ? push @dirs, $name : push @files, $name } }, $local);
	must(scalar($f->mkdir("$remote$_")), "mkdir $_") for sort @dirs;
	must(scalar($f->put("$local$_", "$remote$_")), "put $_") for @files;
}

my %verbs = (
	connect => sub { $f = connected(); "" },
	list => sub { join "|", map { s!.*/!!r } $f->ls($_[0]) },
	upload => sub { must(scalar($f->put(@_)), "put") },
	download => sub { must(scalar($f->get(@_)), "get") },
	resume_up => sub {
		my ($local, $remote) = @_;
		open my $in, "<", $local or die;
		binmode $in;
		seek $in, $f->size($remote), 0;
		must(scalar($f->append($in, $remote)), "append");
	},
	resume_down => sub { my ($remote, $local) = @_; must(scalar($f->get($remote, $local, -s $local)), "get") },
	rename => sub { must(scalar($f->rename(@_)), "rename") },
	put_time => sub {
		my ($local, $remote) = @_;
		must(scalar($f->put($local, $remote)), "put");
		must($f->quot("MFMT", strftime("%Y%m%d%H%M%S", gmtime((stat $local)[9])), $remote) == 2, "mfmt");
	},
	get_time => sub {
		my ($remote, $local) = @_;
		must(scalar($f->get($remote, $local)), "get");
		my $when = must(scalar($f->mdtm($remote)), "mdtm");
		utime $when, $when, $local;
	},
	parallel_up => sub { eight(sub { must(scalar($f->put(@_)), "put") }, @_) },
	parallel_down => sub { eight(sub { must(scalar($f->get(reverse @_)), "get") }, @_) },
	tree_up => \&tree_up,
	tree_down => \&tree_down,
);

while (my $line = <STDIN>) {
	chomp $line;
	my ($verb, @rest) = split /\t/, $line;
	my $said = eval { $verbs{$verb}->(@rest) };
	print $@ ? "error\t" . $@ =~ s/\s+/ /gr : "ok\t" . ($verb eq "list" ? $said : ""), "\n";
}
$f->quit if $f;
