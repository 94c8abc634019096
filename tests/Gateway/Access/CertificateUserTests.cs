using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Gateway.Access;

namespace Granary.Gateway.Tests.Access;

/// <summary>Names in certificates, as RabbitMQ has them.</summary>
public sealed class CertificateUserTests
{
    [Theory]
    [InlineData("CN=guest, O=client", "O=client,CN=guest")]
    [InlineData("CN=one", "CN=one")]
    [InlineData("CN=\"a, b+c\", C=DE", "C=DE,CN=a\\, b\\+c")]
    [InlineData("E=a@b.example, UID=u1, DC=example", "DC=example,UID=u1,EMAILADDRESS=a@b.example")]
    [InlineData("CN=\"Jürgen ~\"", "CN=J\\C3\\BCrgen \\7E")]
    [InlineData("CN=\"#1 \"", "CN=\\#1\\ ")]
    [InlineData("OID.2.5.4.9=Street 1, OID.2.5.4.46=q", "2.5.4.46=q,2.5.4.9=Street 1")]
    public void DistinguishedName_HasTheLastPartFirst(string subject, string name)
    {
        // The order of the text is the one that the certificate has.
        using var certificate = Of(new X500DistinguishedName(subject, X500DistinguishedNameFlags.None));
        Assert.Equal(name, CertificateUser.Of(certificate, new CertificateLogin()));
    }

    [Fact]
    public void CommonName_IsAllOfThem()
    {
        using var certificate = Of(new X500DistinguishedName("CN=one, O=x, CN=two", X500DistinguishedNameFlags.None));
        Assert.Equal("one,two", CertificateUser.Of(certificate, new CertificateLogin(CertificateName.CommonName)));
        using var without = Of(new X500DistinguishedName("O=x"));
        Assert.Null(CertificateUser.Of(without, new CertificateLogin(CertificateName.CommonName)));
    }

    [Theory]
    [InlineData("dns", 0, "one.example")]
    [InlineData("dns", 1, "two.example")]
    [InlineData("dns", 2, null)]
    [InlineData("email", 0, "a@b.example")]
    [InlineData("uri", 0, "spiffe://x/y")]
    [InlineData("ip", 0, "10.0.0.7")]
    [InlineData("other_name", 0, "joe@domain")]
    [InlineData("other_name", 1, null)]
    public void AlternativeName_IsTheOneOfItsTypeAndIndex(string type, int index, string? name)
    {
        using var certificate = Of(new X500DistinguishedName("CN=x"));
        Assert.Equal(name, CertificateUser.Of(certificate, new CertificateLogin(CertificateName.SubjectAlternativeName, type, index)));
    }

    private static X509Certificate2 Of(X500DistinguishedName subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddEmailAddress("a@b.example");
        names.AddDnsName("one.example");
        names.AddIpAddress(IPAddress.Parse("10.0.0.7"));
        names.AddDnsName("two.example");
        names.AddUri(new Uri("spiffe://x/y"));
        names.AddUserPrincipalName("joe@domain");
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
