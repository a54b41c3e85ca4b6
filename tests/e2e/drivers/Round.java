// SPDX-License-Identifier: ISC
// JSch, a command a line: see sftp_drivers.py.
import com.jcraft.jsch.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;

public class Round {
    static Session session;

    static ChannelSftp open() throws Exception {
        ChannelSftp c = (ChannelSftp)session.openChannel("sftp");
        c.connect();
        return c;
    }

    static String text(String hex) {
        byte[] b = new byte[hex.length() / 2];
        for (int i = 0; i < b.length; i++)
            b[i] = (byte)Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        return new String(b, StandardCharsets.UTF_8);
    }

    // Its pattern characters are not meant here.
    static String remote(String hex) {
        return text(hex).replaceAll("([\\\\*?])", "\\\\$1");
    }

    static void putTree(ChannelSftp c, File from, String to) throws Exception {
        c.mkdir(to);
        for (File f : from.listFiles()) {
            if (f.isDirectory())
                putTree(c, f, to + "/" + f.getName());
            else
                c.put(f.getPath(), to + "/" + f.getName());
        }
    }

    static void getTree(ChannelSftp c, String from, File to) throws Exception {
        to.mkdir();
        for (Object o : c.ls(from)) {
            ChannelSftp.LsEntry e = (ChannelSftp.LsEntry)o;
            File f = new File(to, e.getFilename());
            if (e.getFilename().equals(".") || e.getFilename().equals(".."))
                continue;
            if (e.getAttrs().isDir())
                getTree(c, from + "/" + e.getFilename(), f);
            else
                c.get(from + "/" + e.getFilename(), f.getPath());
        }
    }

    static void many(String[] w) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Void>> all = new ArrayList<>();
        for (int i = 1; i < w.length; i += 3) {
            String[] job = {text(w[i]), w[i + 1], w[i + 2]};
            all.add(pool.submit(() -> {
                ChannelSftp own = open();
                act(own, job);
                own.exit();
                return null;
            }));
        }
        for (Future<Void> f : all)
            f.get();
        pool.shutdown();
    }

    static String act(ChannelSftp c, String[] w) throws Exception {
        StringBuilder found = new StringBuilder();
        switch (w[0]) {
        case "ls":
            for (Object o : c.ls(remote(w[1]))) {
                found.append(' ');
                for (byte b : ((ChannelSftp.LsEntry)o).getFilename().getBytes(StandardCharsets.UTF_8))
                    found.append(String.format("%02x", b));
            }
            break;
        case "put": c.put(text(w[1]), remote(w[2])); break;
        case "get": c.get(remote(w[1]), text(w[2])); break;
        case "reput": c.put(text(w[1]), remote(w[2]), ChannelSftp.RESUME); break;
        case "reget": c.get(remote(w[1]), text(w[2]), null, ChannelSftp.RESUME); break;
        case "mv": c.rename(remote(w[1]), remote(w[2])); break;
        case "ln": c.symlink(text(w[1]), text(w[2])); break;
        case "chmod": c.chmod(Integer.parseInt(text(w[2]), 8), remote(w[1])); break;
        case "touch": c.setMtime(remote(w[1]), Integer.parseInt(text(w[2]))); break;
        case "puttree": putTree(c, new File(text(w[1])), remote(w[2])); break;
        case "gettree": getTree(c, remote(w[1]), new File(text(w[2]))); break;
        case "many": many(w); break;
        default: throw new Exception("what is " + w[0] + "?");
        }
        return found.toString();
    }

    public static void main(String[] a) throws Exception {
        JSch j = new JSch();
        j.setKnownHosts(a[3]);
        if (!a[4].isEmpty())
            j.addIdentity(a[4]);
        session = j.getSession(a[0], "127.0.0.1", Integer.parseInt(a[2]));
        if (a[4].isEmpty())
            session.setPassword(a[1]);
        session.connect();
        ChannelSftp c = open();
        System.out.println("ok");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            try {
                System.out.println("ok" + act(c, line.split(" ")));
            } catch (Exception e) {
                System.out.println("no " + e.toString().replace('\n', ' '));
            }
        }
        session.disconnect();
    }
}
