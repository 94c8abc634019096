using Granary.Node.Configuration;

namespace Granary.Gateway.Tests.Configuration;

/// <summary>The format of rabbitmq.conf.</summary>
public sealed class ConfigurationTextTests
{
    [Theory]
    [InlineData("heartbeat = 60", "heartbeat", "60")]
    [InlineData("  heartbeat=60\t\r", "heartbeat", "60")]
    [InlineData("heartbeat = 60 # seconds", "heartbeat", "60")]
    [InlineData("default_pass = a=b", "default_pass", "a=b")]
    [InlineData("default_pass = 'a # b '", "default_pass", "a # b ")]
    [InlineData("default_pass = 'it\\'s' # quoted", "default_pass", "it's")]
    [InlineData("default_pass = \\'", "default_pass", "\\'")]
    [InlineData("cluster_formation.classic_config.nodes.1 = rabbit@a", "cluster_formation.classic_config.nodes.1", "rabbit@a")]
    [InlineData("\uFEFFbind = ::", "bind", "::")]
    public void Line_WithASetting_IsRead(string text, string key, string value)
    {
        var line = Assert.Single(ConfigurationText.Read("f", text, fault => Assert.Fail(fault)));

        Assert.Equal((key, value), (line.Key, line.Value));
    }

    [Theory]
    [InlineData("")]
    [InlineData("# heartbeat = 60")]
    [InlineData("  ## a comment")]
    public void Line_WithoutASetting_IsPassedOver(string text) => Assert.Empty(ConfigurationText.Read("f", text, fault => Assert.Fail(fault)));

    [Theory]
    [InlineData("heartbeat", "'heartbeat' is not of the form key = value.")]
    [InlineData("[{rabbit, []}].", "'[{rabbit, []}].' is not of the form key = value.")]
    [InlineData("a..b = 1", "'a..b' is not a key")]
    [InlineData("= 1", "'' is not a key")]
    [InlineData("heartbeat =", "the value of heartbeat is empty")]
    [InlineData("heartbeat = # none", "the value of heartbeat is empty")]
    [InlineData("default_pass = 'abc", "its quote (') does not end")]
    [InlineData("default_pass = 'abc' d", "its quote (') does not end")]
    [InlineData("ssl_options.certfile = a\0b", "there is an octet 0")]
    public void Line_ThatCannotBeRead_IsToldOfWithItsNumber(string text, string fault)
    {
        var faults = new List<string>();
        var lines = ConfigurationText.Read("granary.conf", $"# first\n{text}\nheartbeat = 1", faults.Add);

        Assert.StartsWith("granary.conf, line 2: ", Assert.Single(faults), StringComparison.Ordinal);
        Assert.Contains(fault, faults[0], StringComparison.Ordinal);
        Assert.Equal(3, Assert.Single(lines).Number);
    }

    [Fact]
    public void Line_ThatCannotBeRead_IsNotRepeatedInFull() =>
        ConfigurationText.Read("f", $"default_pass: {new string('x', 100)}", fault => Assert.DoesNotContain(new string('x', 40), fault, StringComparison.Ordinal));
}
