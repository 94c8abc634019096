using Granary.Core.Certificates;

namespace Granary.Silo.Hosting.Cluster.Certificates;

/// <summary>What members of a cluster know each other by: files in PEM, which may be replaced while the process runs.</summary>
/// <param name="Certificate">This member's certificate, and after it those between it and the CA's, if there are any.</param>
/// <param name="Key">The certificate's private key, without a password.</param>
/// <param name="Authority">The certificate of the CA that signs for members, and for nobody else; several while one takes the place of another.</param>
/// <param name="Name">A DNS name that every member's certificate is for.</param>
public sealed record CertificateFiles(string Certificate, string Key, string Authority, string Name)
{
    public const string StandardName = "granary-silo";

    internal PemFile CertificateFile => new("--silo-certificate", Certificate);

    internal PemFile KeyFile => new("--silo-key", Key);

    internal PemFile AuthorityFile => new("--silo-ca", Authority);

    /// <summary>What is wrong with them, for the operator; null: nothing.</summary>
    public string? Refusal()
    {
        if (Uri.CheckHostName(Name) != UriHostNameType.Dns)
        {
            return $"--silo-name: '{Name}' is not a DNS name.";
        }

        try
        {
            _ = MemberIdentity.Load(this);
            return null;
        }
        catch (CertificateException exception)
        {
            return exception.Message;
        }
    }
}
