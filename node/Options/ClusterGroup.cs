using System.CommandLine;
using System.Net;
using Granary.Node.Configuration;
using Granary.Silo.Hosting.Cluster.Certificates;

namespace Granary.Node.Options;

/// <summary>The options of a member of a cluster.</summary>
internal sealed class ClusterGroup
{
    private readonly Option<string?> _id;
    private readonly Option<int> _port;
    private readonly Option<IPAddress?> _advertise;
    private readonly Option<bool> _isInsecure;
    private readonly Option<string?> _certificate;
    private readonly Option<string?> _key;
    private readonly Option<string?> _authority;
    private readonly Option<string> _name;

    public ClusterGroup(Settings settings)
    {
        _id = settings.Of<string?>(
            "--cluster-id", null, "The cluster that this process is a member of, with --store postgres. A silo or a gateway alone is in 'granary' unless told.", SettingText.AsItIs);
        _port = settings.Of("--silo-port", 11111, "The port for other members of the cluster; 0 picks a free one.", SettingText.Port);
        _advertise = settings.Of<IPAddress?>(
            "--advertise", null, "The address at which other members of the cluster reach this one; the one of --bind unless told.", SettingText.Address);
        _isInsecure = settings.Of("--insecure-cluster", false, "Whoever reaches the silo's port may join the cluster, and run code in it.", SettingText.Flag);
        _isInsecure.Arity = ArgumentArity.ZeroOrOne;
        _certificate = settings.Of<string?>("--silo-certificate", null, "A file in PEM: the certificate that other members of the cluster know this one by.", SettingText.AsItIs);
        _key = settings.Of<string?>("--silo-key", null, "A file in PEM: the private key of --silo-certificate.", SettingText.AsItIs);
        _authority = settings.Of<string?>("--silo-ca", null, "A file in PEM: the certificate of the CA that signs for the cluster's members.", SettingText.AsItIs);
        _name = settings.Of("--silo-name", CertificateFiles.StandardName, "The DNS name that the certificate of each of the cluster's members is for.", SettingText.AsItIs);
    }

    public ClusterSettings Read(ParseResult result) => new(
        result.GetValue(_id),
        result.GetValue(_port),
        result.GetValue(_advertise),
        result.GetValue(_isInsecure),
        new CertificateSettings(result.GetValue(_certificate), result.GetValue(_key), result.GetValue(_authority), result.GetValue(_name)!));
}
