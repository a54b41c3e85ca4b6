/* SPDX-License-Identifier: ISC */
/*
 * ftp_verb.h - the verbs: which command may be served when, and the functions that serve them. Each
 * of those gets the argument, which is its own to change, and either replies or asks somebody.
 */
#ifndef PROTOCOLS_FTP_FTP_VERB_H
#define PROTOCOLS_FTP_FTP_VERB_H

#include <stdbool.h>

struct ftp;

void ftp_verb_serve(struct ftp *f, char *line);
bool ftp_verb_is_urgent(const char *line);
bool ftp_verb_is_quit(const char *line);
/* Puts the names of all verbs as lines of a reply. */
void ftp_verb_help(struct ftp *f, const char *name);

/* ftp_login.c */
void ftp_auth(struct ftp *f, char *arg);
void ftp_pbsz(struct ftp *f, char *arg);
void ftp_prot(struct ftp *f, char *arg);
void ftp_user(struct ftp *f, char *arg);
void ftp_pass(struct ftp *f, char *arg);

/* ftp_feat.c */
void ftp_feat(struct ftp *f, char *arg);
void ftp_opts(struct ftp *f, char *arg);
void ftp_help(struct ftp *f, char *arg);
void ftp_syst(struct ftp *f, char *arg);
void ftp_noop(struct ftp *f, char *arg);
void ftp_quit(struct ftp *f, char *arg);
void ftp_host(struct ftp *f, char *arg);
void ftp_clnt(struct ftp *f, char *arg);
void ftp_csid(struct ftp *f, char *arg);
void ftp_type(struct ftp *f, char *arg);
void ftp_mode(struct ftp *f, char *arg);
void ftp_stru(struct ftp *f, char *arg);
void ftp_allo(struct ftp *f, char *arg);
void ftp_acct(struct ftp *f, char *arg);
void ftp_lang(struct ftp *f, char *arg);
void ftp_not_here(struct ftp *f, char *arg); /* 502: known, and left out on purpose */
void ftp_no_ccc(struct ftp *f, char *arg);

/* ftp_name.c */
void ftp_pwd(struct ftp *f, char *arg);
void ftp_cwd(struct ftp *f, char *arg);
void ftp_cdup(struct ftp *f, char *arg);
void ftp_dele(struct ftp *f, char *arg);
void ftp_mkd(struct ftp *f, char *arg);
void ftp_rmd(struct ftp *f, char *arg);
void ftp_rnfr(struct ftp *f, char *arg);
void ftp_rnto(struct ftp *f, char *arg);
void ftp_avbl(struct ftp *f, char *arg);

/* ftp_stamp.c */
void ftp_size(struct ftp *f, char *arg);
void ftp_mdtm(struct ftp *f, char *arg);
void ftp_mfmt(struct ftp *f, char *arg);
void ftp_mff(struct ftp *f, char *arg);
void ftp_mlst(struct ftp *f, char *arg);

/* ftp_site.c */
void ftp_site(struct ftp *f, char *arg);

/* ftp_port.c - the way for the next data connection. */
void ftp_pasv(struct ftp *f, char *arg);
void ftp_epsv(struct ftp *f, char *arg);
void ftp_port(struct ftp *f, char *arg);
void ftp_eprt(struct ftp *f, char *arg);

/* ftp_file.c */
void ftp_retr(struct ftp *f, char *arg);
void ftp_stor(struct ftp *f, char *arg);
void ftp_appe(struct ftp *f, char *arg);
void ftp_stou(struct ftp *f, char *arg);
void ftp_rest(struct ftp *f, char *arg);
void ftp_rang(struct ftp *f, char *arg);
void ftp_abor(struct ftp *f, char *arg);

/* ftp_hash.c */
void ftp_hash(struct ftp *f, char *arg);
void ftp_xcrc(struct ftp *f, char *arg);
void ftp_xmd5(struct ftp *f, char *arg);
void ftp_xsha1(struct ftp *f, char *arg);
void ftp_xsha256(struct ftp *f, char *arg);
void ftp_xsha512(struct ftp *f, char *arg);

/* ftp_copy.c */
void ftp_comb(struct ftp *f, char *arg);

/* ftp_list.c */
void ftp_list(struct ftp *f, char *arg);
void ftp_nlst(struct ftp *f, char *arg);
void ftp_mlsd(struct ftp *f, char *arg);
void ftp_stat(struct ftp *f, char *arg);

#endif
