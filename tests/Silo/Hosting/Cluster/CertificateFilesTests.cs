using Granary.Silo.Hosting.Cluster.Certificates;
using Granary.Testing.Certificates;

namespace Granary.Silo.Tests.Hosting.Cluster;

/// <summary>Files that other members would not accept are refused with what is wrong with them; what they would is not.</summary>
public sealed class CertificateFilesTests : IDisposable
{
    private const string Name = CertificateFiles.StandardName;

    private readonly string _folder = Directory.CreateTempSubdirectory("granary-certificates-").FullName;
    private readonly TestAuthority _authority = new();

    private CertificateFiles Files => new(PathOf("silo.pem"), PathOf("silo.key"), PathOf("ca.pem"), Name);

    [Fact]
    public void Files_OfOneKind_AreNotRefused()
    {
        Write(_authority.Issue([Name]));

        Assert.Null(Files.Refusal());
    }

    [Fact]
    public void Files_WithACertificateBetween_AreNotRefused()
    {
        using var between = _authority.IssueAuthority("between");
        var (certificate, key) = between.Issue([Name, "another.test"]);
        Write((certificate + between.Pem, key));

        Assert.Null(Files.Refusal());
    }

    [Fact]
    public void Authorities_OneTakingThePlaceOfAnother_AreBothTrusted()
    {
        using var next = new TestAuthority();
        foreach (var trusted in new[] { next.Pem + _authority.Pem, _authority.Pem + next.Pem })
        {
            Write(next.Issue([Name]), trusted);

            Assert.Null(Files.Refusal());
        }
    }

    [Theory]
    [InlineData("silo.pem", "--silo-certificate: ")]
    [InlineData("silo.key", "--silo-key: ")]
    [InlineData("ca.pem", "--silo-ca: ")]
    public void File_ThatIsMissingOrNotInPem_IsNamed(string file, string option)
    {
        Write(_authority.Issue([Name]));
        File.WriteAllText(PathOf(file), "nothing");

        Assert.StartsWith($"{option}{PathOf(file)} has no ", Files.Refusal(), StringComparison.Ordinal);

        File.Delete(PathOf(file));

        Assert.StartsWith($"{option}{PathOf(file)} cannot be read: ", Files.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void File_CutOffInTheMiddle_IsRefused()
    {
        var (certificate, key) = _authority.Issue([Name]);
        for (var length = 0; length < certificate.Length - 2; length += 17)
        {
            Write((certificate[..length], key));

            Assert.NotNull(Files.Refusal());
        }

        for (var length = 0; length < key.Length - 2; length += 17)
        {
            Write((certificate, key[..length]));

            Assert.NotNull(Files.Refusal());
        }
    }

    [Fact]
    public void Key_OfAnotherCertificate_IsRefused()
    {
        Write((_authority.Issue([Name]).Certificate, _authority.Issue([Name]).Key));

        Assert.Equal($"--silo-key: {PathOf("silo.key")} is not the key of the certificate in {PathOf("silo.pem")}.", Files.Refusal());
    }

    [Fact]
    public void Certificate_ThatExpired_IsRefused()
    {
        Write(_authority.Issue([Name], from: -3, until: -2));

        Assert.Matches("--silo-certificate: .*silo.pem expired at .* UTC: renew it.", Files.Refusal());
    }

    [Fact]
    public void Certificate_ThatIsNotValidYet_IsRefused()
    {
        Write(_authority.Issue([Name], from: 2, until: 3));

        Assert.Matches("--silo-certificate: .*silo.pem is not valid before .* UTC.", Files.Refusal());
    }

    [Fact]
    public void Certificate_OfAnotherAuthorityOfTheSameName_IsRefused()
    {
        using var other = new TestAuthority();
        Write(other.Issue([Name]));

        Assert.Equal($"--silo-certificate: {PathOf("silo.pem")} is not signed by the CA of {PathOf("ca.pem")}.", Files.Refusal());
    }

    [Theory]
    [InlineData("other.test")]
    [InlineData("*.granary-silo")]
    public void Certificate_ForAnotherName_IsRefused(string name)
    {
        Write(_authority.Issue([name]));

        Assert.StartsWith($"--silo-certificate: {PathOf("silo.pem")} is not for the name 'granary-silo'", Files.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Certificate_ForServersAlone_IsRefused()
    {
        Write(_authority.Issue([Name], isForClients: false));

        Assert.Contains("is not for both servers and clients (extendedKeyUsage)", Files.Refusal(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.0.0.1")]
    [InlineData("two words")]
    [InlineData("")]
    public void Name_ThatIsNone_IsRefused(string name)
    {
        Write(_authority.Issue([Name]));

        Assert.Equal($"--silo-name: '{name}' is not a DNS name.", (Files with { Name = name }).Refusal());
    }

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(string file) => Path.Combine(_folder, file);

    private void Write((string Certificate, string Key) pair, string? trusted = null)
    {
        File.WriteAllText(PathOf("silo.pem"), pair.Certificate);
        File.WriteAllText(PathOf("silo.key"), pair.Key);
        File.WriteAllText(PathOf("ca.pem"), trusted ?? _authority.Pem);
    }
}
