namespace Granary.Node.Configuration;

/// <summary>A setting that is never given on the command line.</summary>
/// <param name="MayBeInFile">Variables with _FILE behind the name may say in which file it is.</param>
internal sealed record Secret(string Name, bool MayBeInFile, params string[] Variables)
{
    /// <summary>For its file there is an option.</summary>
    public static readonly Secret DefaultPass = new("default-pass", false, "GRANARY_DEFAULT_PASS", "RABBITMQ_DEFAULT_PASS");

    public static readonly Secret TlsKeyPassword = new("tls-key-password", true, "GRANARY_TLS_KEY_PASSWORD");

    public static readonly Secret HttpsKeyPassword = new("https-key-password", true, "GRANARY_HTTPS_KEY_PASSWORD");

    public static readonly Secret DefinitionsKeyPassword = new("definitions-key-password", true, "GRANARY_DEFINITIONS_KEY_PASSWORD");

    public static readonly Secret AnonymousPass = new("anonymous-login-pass", true, "GRANARY_ANONYMOUS_LOGIN_PASS");

    public static IEnumerable<string> Names => [DefaultPass.Name, TlsKeyPassword.Name, HttpsKeyPassword.Name, DefinitionsKeyPassword.Name, AnonymousPass.Name];
}
