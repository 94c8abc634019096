using System.Security.Cryptography.X509Certificates;
using Granary.Chart.Tests.Rendering;

namespace Granary.Chart.Tests.Keeping;

/// <summary>What the chart makes once, upgrades find and keep; the members' CA is changed in steps, in none of which a member is without those that it has to trust.</summary>
public sealed class UpgradeTests : IAsyncLifetime
{
    private const string Authority = KubernetesApi.MembersAuthority, Members = "granary-cluster-tls";

    private KubernetesApi _api = null!;

    public async Task InitializeAsync() => _api = await KubernetesApi.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [HelmTheory]
    [MemberData(nameof(ValuesFile.All), MemberType = typeof(ValuesFile))]
    public async Task Install_Tried_SaysHowToConnect(string values)
    {
        var notes = (await _api.TryInstallAsync(ValuesFile.Of(values))).Split("NOTES:")[1];

        Assert.Matches(@"AMQP 0-9-1 +\S+\.default:5672", notes);
        Assert.Contains("helm -n default test granary", notes, StringComparison.Ordinal);
        Assert.Equal(values is "autoscaling" or "network-policies" or "everything", notes.Contains("postgres.trial is one pod", StringComparison.Ordinal));
    }

    [HelmFact]
    public async Task Secrets_OfTheFirstInstall_AreKept()
    {
        var first = await _api.UpgradeAsync(ValuesFile.NetworkPolicies);

        var second = await _api.UpgradeAsync(ValuesFile.NetworkPolicies);

        Assert.Equal(first.Texts, second.Texts);
        Assert.Equal("admin", _api.Read("granary-administrator")["username"]);
        Assert.Equal(32, _api.Read("granary-administrator")["password"].Length);
        Assert.Contains($";Password={_api.Read("granary-postgres")["password"]};", _api.Read("granary-postgres")["connection"], StringComparison.Ordinal);
    }

    [HelmFact]
    public async Task Administrator_OfAnotherNameLater_IsTheOneInTheStore()
    {
        await _api.UpgradeAsync(ValuesFile.Trial);

        await _api.UpgradeAsync(ValuesFile.Trial, "--set", "administrator.username=other");

        Assert.Equal("admin", _api.Read("granary-administrator")["username"]);
    }

    [HelmFact]
    public async Task Administrator_UnderAnotherKeyLater_IsNotReplacedByAnother()
    {
        await _api.UpgradeAsync(ValuesFile.Trial);

        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => _api.UpgradeAsync(ValuesFile.Trial, "--set", "administrator.passwordKey=pass"));

        Assert.Contains("The secret granary-administrator has no key \"pass\"", refusal.Message, StringComparison.Ordinal);
    }

    [HelmFact]
    public async Task Authority_ChangedInThreeSteps_IsTrustedBeforeItSigns()
    {
        await RotateAsync("");
        var old = _api.Read(Authority)["ca.crt"];
        Assert.Equal([old], Trusted());
        AssertSignedBy(old);

        await RotateAsync("introduce");
        var next = _api.Read(Authority)["next.crt"];
        Assert.Equal([old, next], Trusted());
        AssertSignedBy(old);

        await RotateAsync("switch");
        Assert.Equal([old, next], Trusted());
        AssertSignedBy(next);

        await RotateAsync("");
        Assert.Equal([next], Trusted());
        AssertSignedBy(next);
        Assert.Equal(next, _api.Read(Authority)["ca.crt"]);
    }

    [HelmFact]
    public async Task Authority_ChangedFasterThanPodsGetIt_IsRefused()
    {
        await RotateAsync("");
        await RotateAsync("introduce", wait: false);

        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => RotateAsync("switch", wait: false));

        Assert.Contains("members need up to three minutes", refusal.Message, StringComparison.Ordinal);
    }

    [HelmFact]
    public async Task Authority_IntroducedAndGivenUp_IsGone()
    {
        await RotateAsync("");
        var old = _api.Read(Authority)["ca.crt"];
        await RotateAsync("introduce");

        await RotateAsync("");

        Assert.Equal([old], Trusted());
        AssertSignedBy(old);
    }

    [HelmFact]
    public async Task Certificate_OlderThanAYear_IsSignedAnewByTheSameAuthority()
    {
        await RotateAsync("");
        var (authority, certificate) = (_api.Read(Authority)["ca.crt"], _api.Read(Members)["tls.crt"]);
        _api.Write(Authority, "signed", $"{DateTimeOffset.UtcNow.AddDays(-400).ToUnixTimeSeconds()}");

        await RotateAsync("");

        Assert.NotEqual(certificate, _api.Read(Members)["tls.crt"]);
        Assert.Equal([authority], Trusted());
        AssertSignedBy(authority);
    }

    private async Task RotateAsync(string step, bool wait = true)
    {
        await _api.UpgradeAsync(ValuesFile.Minimal, "--set", $"cluster.tls.rotation={step}");
        if (wait)
        {
            _api.LetStepsBeMinutesAgo();
        }
    }

    private List<string> Trusted() =>
        [.. _api.Read(Members)["ca.crt"].Split("-----BEGIN", StringSplitOptions.RemoveEmptyEntries).Select(rest => $"-----BEGIN{rest}")];

    private void AssertSignedBy(string authority)
    {
        using var own = X509Certificate2.CreateFromPem(_api.Read(Members)["tls.crt"], _api.Read(Members)["tls.key"]);
        using var root = X509Certificate2.CreateFromPem(authority);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        Assert.True(chain.Build(own));
        Assert.True(own.MatchesHostname("granary-silo", allowWildcards: false, allowCommonName: false));
    }
}
