# SPDX-License-Identifier: ISC
# Ruby's Net::FTP and Net::SFTP: what a script moves files with. Ends at the first that fails.
# Arguments: FTPS port, SFTP port, user, password, certificate, a file, a directory for what is fetched.
require 'net/ftp'
require 'net/sftp'
require 'digest'

ftps, sftp, user, password, ca, file, here = ARGV

def must(what, happened)
  abort "#{what} failed" unless happened
end

def same(one, other)
  must 'the same bytes', Digest::SHA256.file(one) == Digest::SHA256.file(other)
end

f = Net::FTP.new(nil, passive: true, ssl: { ca_file: ca })
f.connect('localhost', ftps.to_i)
f.login(user, password)
f.mkdir('ruby')
f.chdir('ruby')
must 'pwd', f.pwd == '/ruby'
f.putbinaryfile(file, 'up')
f.getbinaryfile('up', "#{here}/ftp")
same file, "#{here}/ftp"
File.binwrite("#{here}/half", File.binread(file, 100_000))
f.resume = true
f.getbinaryfile('up', "#{here}/half")
f.resume = false
same file, "#{here}/half"
f.puttextfile('/etc/hostname', 'text')
must 'list', f.list.size == 2
must 'nlst', f.nlst.sort == %w[text up]
must 'mlsd', f.mlsd.map(&:pathname).sort == %w[text up]
must 'size', f.size('up') == File.size(file)
must 'mtime', (f.mtime('up') - Time.now).abs < 3600
f.rename('up', 'other')
f.delete('other')
f.delete('text')
f.chdir('..')
f.rmdir('ruby')
f.noop
must 'status', f.status.start_with?('211')
f.quit
f.close

Net::SFTP.start('localhost', user, password: password, port: sftp.to_i, verify_host_key: :never) do |s|
  s.mkdir!('/ruby')
  s.upload!(file, '/ruby/up')
  s.download!('/ruby/up', "#{here}/sftp")
  same file, "#{here}/sftp"
  must 'entries', s.dir.entries('/ruby').map(&:name).sort == ['.', '..', 'up']
  must 'stat', s.stat!('/ruby/up').size == File.size(file)
  s.setstat!('/ruby/up', permissions: 0o600)
  s.rename!('/ruby/up', '/ruby/other')
  s.remove!('/ruby/other')
  s.rmdir!('/ruby')
end
