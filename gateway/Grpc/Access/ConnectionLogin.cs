namespace Granary.Gateway.Grpc.Access;

/// <summary>
/// Who has logged in on an HTTP/2 connection, as one of its features. A login holds for its connection, as over AMQP: calls after it that say the same are the same user's.
/// </summary>
internal sealed class ConnectionLogin
{
    private volatile Login? _login;

    /// <summary>The user who logged in with just these credentials; null if it was somebody else, or nobody.</summary>
    public string? UserOf(string credentials) => _login is { } login && string.Equals(login.Credentials, credentials, StringComparison.Ordinal) ? login.User : null;

    /// <summary>How; empty: nobody has.</summary>
    public string Mechanism => _login is null ? "" : "PLAIN";

    public void Remember(string credentials, string user) => _login = new Login(credentials, user);

    private sealed record Login(string Credentials, string User);
}
