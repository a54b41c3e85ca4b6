/* SPDX-License-Identifier: ISC */
/*
 * CommonsNet.java - Apache commons-net as a client: port user password protocol reuse|no. Reads lines "verb TAB argument..." and
 * answers each with "ok TAB text" or "error TAB text".
 */
import java.io.*;
import java.lang.reflect.*;
import java.net.Socket;
import java.nio.file.*;
import java.nio.file.attribute.FileTime;
import java.time.*;
import java.time.format.DateTimeFormatter;
import java.util.*;
import java.util.concurrent.*;
import org.apache.commons.net.ftp.*;
import org.apache.commons.net.util.TrustManagerUtils;
import javax.net.ssl.*;

/* The way that the Internet recommends for commons-net: the data connection's peer is put into the session cache of the control connection. */
class CommonsNet extends FTPSClient {
	static String[] args;
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

	void need(boolean good, String what) throws IOException {
		if (!good) throw new IOException(what + ": " + getReplyString());
	}

	static CommonsNet connected() throws Exception {
		CommonsNet c = new CommonsNet(args[4].equals("reuse"));
		c.setControlEncoding("UTF-8");
		c.setEnabledProtocols(new String[] { args[3] });
		c.connect("127.0.0.1", Integer.parseInt(args[0]));
		c.need(c.login(args[1], args[2]), "login");
		c.execPBSZ(0);
		c.execPROT("P");
		c.enterLocalPassiveMode();
		c.need(c.setFileType(FTP.BINARY_FILE_TYPE), "type");
		c.setBufferSize(65536);
		return c;
	}

	void up(String local, String remote, long from) throws IOException {
		try (InputStream in = new FileInputStream(local)) {
			in.skipNBytes(from);
			need(from > 0 ? appendFile(remote, in) : storeFile(remote, in), "stor");
		}
	}

	void down(String remote, String local, long from) throws IOException {
		setRestartOffset(from);
		try (OutputStream out = new FileOutputStream(local, from > 0)) { need(retrieveFile(remote, out), "retr"); }
	}

	interface Work { void go(CommonsNet c, String local, String remote) throws Exception; }

	static void eight(String[] a, Work work) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(8);
		List<Future<?>> all = new ArrayList<>();
		for (int i = 0; i < 8; i++) {
			final int from = i + 1;
			all.add(pool.submit(() -> {
				CommonsNet c = connected();
				for (int n = from; n < a.length; n += 8) work.go(c, a[n].split("\\|")[0], a[n].split("\\|")[1]);
				c.logout();
				c.disconnect();
				return null;
			}));
		}
		for (Future<?> one : all) one.get();
		pool.shutdown();
	}

	void treeUp(Path local, String remote) throws IOException {
		need(makeDirectory(remote), "mkd");
		File[] inside = local.toFile().listFiles();
		for (File one : inside) {
			if (one.isDirectory()) treeUp(one.toPath(), remote + "/" + one.getName());
			else up(one.getPath(), remote + "/" + one.getName(), 0);
		}
	}

	void treeDown(String remote, Path local) throws IOException {
		Files.createDirectories(local);
		for (FTPFile one : mlistDir(remote)) {
			if (one.getName().equals(".") || one.getName().equals("..")) continue;
			if (one.isDirectory()) treeDown(remote + "/" + one.getName(), local.resolve(one.getName()));
			else down(remote + "/" + one.getName(), local.resolve(one.getName()).toString(), 0);
		}
	}

	String serve(String[] a) throws Exception {
		DateTimeFormatter stamp = DateTimeFormatter.ofPattern("yyyyMMddHHmmss").withZone(ZoneOffset.UTC);
		switch (a[0]) {
		case "list": {
			StringJoiner names = new StringJoiner("|");
			for (FTPFile one : listFiles(a[1])) names.add(one.getName());
			return names.toString();
		}
		case "upload": up(a[1], a[2], 0); break;
		case "download": down(a[1], a[2], 0); break;
		case "resume_up": up(a[1], a[2], mlistFile(a[2]).getSize()); break;
		case "resume_down": down(a[1], a[2], new File(a[2]).length()); break;
		case "rename": need(rename(a[1], a[2]), "rename"); break;
		case "put_time":
			up(a[1], a[2], 0);
			need(setModificationTime(a[2], stamp.format(Files.getLastModifiedTime(Path.of(a[1])).toInstant())), "mfmt");
			break;
		case "get_time":
			down(a[1], a[2], 0);
			Files.setLastModifiedTime(Path.of(a[2]), FileTime.from(mdtmFile(a[1]).getTimestamp().toInstant()));
			break;
		case "parallel_up": eight(a, (c, local, remote) -> c.up(local, remote, 0)); break;
		case "parallel_down": eight(a, (c, local, remote) -> c.down(remote, local, 0)); break;
		case "tree_up": treeUp(Path.of(a[1]), a[2]); break;
		case "tree_down": treeDown(a[1], Path.of(a[2])); break;
		default: throw new IOException("unknown verb");
		}
		return "";
	}

	public static void main(String[] a) throws Exception {
		args = a;
		CommonsNet c = null;
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		for (String line; (line = in.readLine()) != null;) {
			try {
				if (line.equals("connect")) { c = connected(); System.out.println("ok\t"); }
				else System.out.println("ok\t" + c.serve(line.split("\t")));
			} catch (Exception e) { System.out.println("error\t" + e.toString().replaceAll("\\s+", " ")); }
			System.out.flush();
		}
		if (c != null) { c.logout(); c.disconnect(); }
	}
}
