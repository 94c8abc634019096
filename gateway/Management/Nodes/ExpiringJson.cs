using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Granary.Core.Figures;
using Granary.Gateway.Tls;

namespace Granary.Gateway.Management.Nodes;

/// <summary>A listener whose certificates expire soon.</summary>
/// <param name="Cacertfile">The CAs that sign for clients; null: clients are not asked for certificates.</param>
/// <param name="CertfileExpiresOn">When those of the file expire that do so soon, in UTC.</param>
internal sealed record ExpiringJson(string Protocol, string Interface, int Port, string Certfile, string? Cacertfile, string[] CertfileExpiresOn, string[] CacertfileExpiresOn)
{
    public string Node { get; init; } = "";

    /// <param name="until">What is not valid any more then expires soon.</param>
    public static ExpiringJson Of(ListenerFigure listener, RenewedTls shown, DateTimeOffset until)
    {
        var identity = shown.Current;
        return new ExpiringJson(
            listener.Protocol, listener.Address, listener.Port, shown.Options.Certificate, identity.Authorities is null ? null : shown.Options.Authority,
            Ends([identity.Certificate.TargetCertificate, .. identity.Certificate.IntermediateCertificates]), Ends(identity.Authorities?.Certificates ?? []));

        // The hour without a zero before it, as RabbitMQ writes it.
        string[] Ends(IEnumerable<X509Certificate2> certificates) =>
        [
            .. from certificate in certificates
               where certificate.NotAfter < until
               select certificate.NotAfter.ToUniversalTime().ToString("yyyy-MM-dd H:mm:ss", CultureInfo.InvariantCulture),
        ];
    }
}
