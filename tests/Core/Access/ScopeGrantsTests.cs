using Granary.Core.Access;

namespace Granary.Core.Tests.Access;

/// <summary>What scopes give (rabbit_oauth2_scope).</summary>
public sealed class ScopeGrantsTests
{
    [Fact]
    public void Allows_GoesByRightVhostAndName()
    {
        var grants = Of("/", "read:%2F/orders*", "write:*/amq.default", "configure:other/*", "tag:administrator", "nonsense", "read:a")!;
        Assert.True(grants.Allows(Right.Read, "orders.new"));
        Assert.False(grants.Allows(Right.Write, "orders.new"));
        Assert.True(grants.Allows(Right.Write, "amq.default"));
        Assert.False(grants.Allows(Right.Configure, "x"));
        Assert.False(grants.AllowsAll(Right.Write));
        Assert.True(Of("other", "configure:other/*")!.AllowsAll(Right.Configure));
    }

    [Fact]
    public void Of_WithoutAScopeForTheVhost_IsNone()
    {
        Assert.Null(Of("/", "read:other/*", "tag:management"));
        Assert.NotNull(Of("other", "read:other/*"));
    }

    [Fact]
    public void AllowsTopic_NeedsAScopeWithThreeParts()
    {
        var grants = Of("/", "write:*/amq.topic/prices.*", "read:*/amq.topic")!;
        Assert.True(grants.LimitsAnyTopics && grants.LimitsTopics("amq.topic"));
        Assert.True(grants.Allows(Right.Write, "amq.topic"));
        Assert.True(grants.AllowsTopic(Right.Write, "amq.topic", "prices.eur"));
        Assert.False(grants.AllowsTopic(Right.Write, "amq.topic", "orders.eur"));
        Assert.False(grants.AllowsTopic(Right.Write, "other", "prices.eur"));
        Assert.False(grants.AllowsTopic(Right.Read, "amq.topic", "prices.eur"));
    }

    [Fact]
    public void Variable_StandsForItsValueAlone()
    {
        var grants = Of("a*/b", "read:{vhost}/{sub}.*", "write:{vhost}/{nobody}")!;
        Assert.True(grants.Allows(Right.Read, "j*e.q"));
        Assert.False(grants.Allows(Right.Read, "joe.q"));
        Assert.False(grants.Allows(Right.Write, ""));
    }

    [Fact]
    public void Rights_OfAToken_RefuseWithTheUsualTexts()
    {
        var rights = new Rights("joe", "/", new KnownUser("joe", [], default), new Vhost("/"), Of("/", "write:*/x"));
        Assert.Null(rights.CheckPublish("x"u8));
        Assert.Equal("write access to exchange 'amq.default' in vhost '/' refused for user 'joe'", rights.CheckPublish(""u8)?.Explanation);
        Assert.Equal("write access to topic 'k' in exchange 'x' in vhost '/' refused for user 'joe'", rights.CheckTopic(Right.Write, "x", "k")?.Explanation);
        Assert.Equal("credential expired", new Rights("joe", "/", new KnownUser("joe", [], default), new Vhost("/"), null) { Ended = "credential expired" }.WhyClosed);
    }

    private static ScopeGrants? Of(string vhost, params string[] scopes) => ScopeGrants.Of(scopes, vhost, name => name == "sub" ? "j*e" : null);
}
