<?php
// SPDX-License-Identifier: ISC
// PHP's ftp_*() and ssh2_*(): every function that a script moves files with. Ends at the first that fails.
// Arguments: FTPS port, SFTP port, user, password, a file, a directory for what is fetched.
[, $ftps, $sftp, $user, $password, $file, $here] = $argv;
set_error_handler(function ($level, $words) { throw new ErrorException($words); });

function must($what, $happened)
{
	if (!$happened) {
		fwrite(STDERR, "$what failed\n");
		exit(1);
	}
}

$c = ftp_ssl_connect('localhost', (int) $ftps, 20);
must('ftp_ssl_connect', $c);
must('ftp_login', ftp_login($c, $user, $password));
must('ftp_pasv', ftp_pasv($c, true));
must('ftp_mkdir', ftp_mkdir($c, 'php') !== false);
must('ftp_chdir', ftp_chdir($c, 'php'));
must('ftp_pwd', ftp_pwd($c) === '/php');
must('ftp_alloc', ftp_alloc($c, filesize($file)));
must('ftp_put', ftp_put($c, 'up', $file, FTP_BINARY));
must('ftp_get', ftp_get($c, "$here/ftp", 'up', FTP_BINARY));
must('the same bytes', sha1_file("$here/ftp") === sha1_file($file));
file_put_contents("$here/half", substr(file_get_contents($file), 0, 100000));
must('ftp_get from the middle', ftp_get($c, "$here/half", 'up', FTP_BINARY, FTP_AUTORESUME));
must('the same bytes', sha1_file("$here/half") === sha1_file($file));
must('ftp_nb_put', ($state = ftp_nb_put($c, 'nb', $file, FTP_BINARY)) !== FTP_FAILED);
while ($state === FTP_MOREDATA)
	$state = ftp_nb_continue($c);
must('ftp_nb_continue', $state === FTP_FINISHED);
must('ftp_append', ftp_append($c, 'nb', $file, FTP_BINARY));
must('ftp_size', ftp_size($c, 'nb') === 2 * filesize($file));
must('ftp_mdtm', abs(ftp_mdtm($c, 'up') - time()) < 3600);
must('ftp_nlist', in_array(ftp_nlist($c, '.'), [['up', 'nb'], ['nb', 'up'], ['./up', './nb'], ['./nb', './up']]));
must('ftp_rawlist', count(ftp_rawlist($c, '/php')) === 2);
must('ftp_mlsd', count(ftp_mlsd($c, '/php')) === 2);
must('ftp_chmod', ftp_chmod($c, 0640, 'up') === 0640);
must('ftp_site', ftp_site($c, 'CHMOD 600 up'));
must('ftp_rename', ftp_rename($c, 'up', 'other'));
must('ftp_delete', ftp_delete($c, 'other') && ftp_delete($c, 'nb'));
must('ftp_cdup', ftp_cdup($c));
must('ftp_rmdir', ftp_rmdir($c, 'php'));
must('ftp_systype', ftp_systype($c) === 'UNIX');
must('ftp_close', ftp_close($c));

$c = ssh2_connect('localhost', (int) $sftp);
must('ssh2_auth_password', ssh2_auth_password($c, $user, $password));
$s = ssh2_sftp($c);
$top = 'ssh2.sftp://' . intval($s);
must('ssh2_sftp_mkdir', ssh2_sftp_mkdir($s, '/php'));
must('writing', file_put_contents("$top/php/up", file_get_contents($file)) === filesize($file));
must('reading', sha1(file_get_contents("$top/php/up")) === sha1_file($file));
must('ssh2_sftp_stat', ssh2_sftp_stat($s, '/php/up')['size'] === filesize($file));
must('scandir', scandir("$top/php") === ['.', '..', 'up']);
must('ssh2_sftp_chmod', ssh2_sftp_chmod($s, '/php/up', 0600));
must('ssh2_sftp_rename', ssh2_sftp_rename($s, '/php/up', '/php/other'));
must('ssh2_sftp_unlink', ssh2_sftp_unlink($s, '/php/other'));
must('ssh2_sftp_rmdir', ssh2_sftp_rmdir($s, '/php'));
