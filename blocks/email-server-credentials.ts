import { Block, type SmtpPlan, secret, z } from "../src/sdk.ts";

/** Ways to connect, by their usual port. Source: prefect-email, SMTPType. */
const SMTP_TYPES = { SSL: 465, STARTTLS: 587, INSECURE: 25 } as const;
type SmtpPort = (typeof SMTP_TYPES)[keyof typeof SMTP_TYPES];

const SECURITY: Readonly<Record<SmtpPort, SmtpPlan["server"]["security"]>> = {
  465: "tls",
  587: "starttls",
  25: "none",
};

/** Servers that may be given by name. Source: prefect-email, SMTPServer. */
const SERVERS: Readonly<Record<string, string>> = {
  AOL: "smtp.aol.com",
  ATT: "smtp.mail.att.net",
  COMCAST: "smtp.comcast.net",
  ICLOUD: "smtp.mail.me.com",
  GMAIL: "smtp.gmail.com",
  OUTLOOK: "smtp-mail.outlook.com",
  YAHOO: "smtp.mail.yahoo.com",
};

/** How to reach a mail server, and as whom. */
export class EmailServerCredentials extends Block.define({
  slug: "email-server-credentials",
  name: "Email Server Credentials",
  description: "Address and login of a mail server.",
  schema: z.object({
    username: z.string().nullable().default(null).meta({ description: "Login; empty for a server that needs none." }),
    password: secret().prefault("").meta({ description: "Password or app password of the login." }),
    smtp_server: z
      .string()
      .min(1)
      .default("smtp.gmail.com")
      .meta({ description: "Host name, or the name of a known provider." }),
    smtp_type: z
      .union([z.literal([465, 587, 25]), z.enum(["SSL", "STARTTLS", "INSECURE", "ssl", "starttls", "insecure"])])
      .default(465)
      .meta({ description: "465 or SSL, 587 or STARTTLS, 25 or INSECURE." }),
    smtp_port: z
      .int()
      .min(1)
      .max(65_535)
      .nullable()
      .default(null)
      .meta({ description: "Default: the port of smtp_type." }),
    verify: z.boolean().default(true).meta({ description: "Check the server's certificate." }),
    allow_private_urls: z.boolean().default(true).meta({ description: "Allow loopback and private addresses." }),
  }),
}) {
  /** The server as a mail plan takes it. Holds the password: for `build` functions only. */
  smtpServer(): SmtpPlan["server"] {
    const usual = typeof this.smtp_type === "number" ? this.smtp_type : portOf(this.smtp_type);
    const user = this.username ?? "";
    return {
      host: SERVERS[this.smtp_server.toUpperCase()] ?? this.smtp_server,
      port: this.smtp_port ?? usual,
      security: SECURITY[usual],
      ...(user === "" ? {} : { auth: { user, pass: this.password.reveal() } }),
      verify: this.verify,
      allowPrivateUrls: this.allow_private_urls,
    };
  }
}

function portOf(name: keyof typeof SMTP_TYPES | Lowercase<keyof typeof SMTP_TYPES>): SmtpPort {
  // Upper-casing a name of the list gives the form that the table has.
  return SMTP_TYPES[name.toUpperCase() as keyof typeof SMTP_TYPES];
}

declare module "../src/block/reference.ts" {
  interface BlockTypes {
    "email-server-credentials": EmailServerCredentials;
  }
}
