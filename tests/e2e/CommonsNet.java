/* SPDX-License-Identifier: ISC */
/* CommonsNet.java - Apache commons-net as a client: port user password protocol reuse|no. Run by test_ftps_programs.py. */
import java.io.*;
import java.lang.reflect.*;
import java.net.Socket;
import java.util.*;
import javax.net.ssl.*;
import org.apache.commons.net.ftp.*;
import org.apache.commons.net.util.TrustManagerUtils;

/* The way that the Internet recommends for commons-net: the data connection's peer is put into the session cache of the control connection. */
class CommonsNet extends FTPSClient {
	final boolean reuse;

	CommonsNet(boolean reuse) { super(false); this.reuse = reuse; setTrustManager(TrustManagerUtils.getAcceptAllTrustManager()); }

	@Override protected void _prepareDataSocket_(Socket socket) throws IOException {
		if (!reuse || !(socket instanceof SSLSocket)) return;
		SSLSession session = ((SSLSocket) _socket_).getSession();
		SSLSessionContext context = session.getSessionContext();
		try {
			Field field = context.getClass().getDeclaredField("sessionHostPortCache");
			field.setAccessible(true);
			Object cache = field.get(context);
			Method put = cache.getClass().getDeclaredMethod("put", Object.class, Object.class);
			Method get = cache.getClass().getDeclaredMethod("get", Object.class);
			put.setAccessible(true);
			get.setAccessible(true);
			/* TLS 1.3: what a ticket brought is a session of its own, kept for the control connection's peer. */
			Object newest = get.invoke(cache, (session.getPeerHost() + ":" + session.getPeerPort()).toLowerCase(Locale.ROOT));
			Object use = newest != null ? newest : session;
			for (String host : new String[] { socket.getInetAddress().getHostName(), socket.getInetAddress().getHostAddress() })
				put.invoke(cache, (host + ":" + socket.getPort()).toLowerCase(Locale.ROOT), use);
		} catch (ReflectiveOperationException e) { throw new IOException(e); }
	}

	static void need(boolean good, FTPClient c, String what) {
		if (!good) { System.err.println(what + ": " + c.getReplyString()); System.exit(1); }
	}

	public static void main(String[] a) throws Exception {
		CommonsNet c = new CommonsNet(a[4].equals("reuse"));
		c.setEnabledProtocols(new String[] { a[3] });
		c.connect("127.0.0.1", Integer.parseInt(a[0]));
		need(c.login(a[1], a[2]), c, "login");
		c.execPBSZ(0); c.execPROT("P");
		c.enterLocalPassiveMode();
		c.setFileType(FTP.BINARY_FILE_TYPE);
		need(c.makeDirectory("java"), c, "mkd");
		byte[] data = new byte[300000]; new Random(1).nextBytes(data);
		need(c.storeFile("java/file", new ByteArrayInputStream(data)), c, "stor");
		ByteArrayOutputStream got = new ByteArrayOutputStream();
		need(c.retrieveFile("java/file", got), c, "retr");
		need(Arrays.equals(got.toByteArray(), data), c, "content");
		c.setRestartOffset(200000);
		got.reset();
		need(c.retrieveFile("java/file", got) && got.size() == 100000, c, "rest");
		need(c.appendFile("java/file", new ByteArrayInputStream(data, 0, 1000)), c, "appe");
		FTPFile[] files = c.listFiles("java");
		need(files.length == 1 && files[0].getName().equals("file") && files[0].getSize() == 301000, c, "list");
		FTPFile one = c.mlistFile("java/file");
		need(one != null && one.getSize() == 301000 && one.isFile(), c, "mlst");
		need(c.mlistDir("java").length >= 1, c, "mlsd");
		need(c.setModificationTime("java/file", "20200102030405"), c, "mfmt");
		need(c.getModificationTime("java/file").contains("20200102030405"), c, "mdtm");
		need(c.rename("java/file", "java/other"), c, "rename");
		need(c.deleteFile("java/other") && c.removeDirectory("java"), c, "remove");
		need(c.logout(), c, "quit");
		c.disconnect();
		System.out.println("DONE");
	}
}
