using System.Net;
using Granary.Gateway.Amqp.Proxy;
using Granary.Gateway.Hosting;

namespace Granary.Gateway.Tests.Amqp.Proxy;

/// <summary>Where proxies are, as an operator writes it.</summary>
public sealed class ProxyNetworksTests
{
    [Theory]
    [InlineData("10.0.0.0/8", "10.255.0.1", true)]
    [InlineData("10.0.0.0/8", "11.0.0.1", false)]
    [InlineData("10.0.0.0/8", "::ffff:10.1.2.3", true)]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("10.0.0.0/8, 2001:db8::/32,192.0.2.1", "2001:db8::7", true)]
    [InlineData("10.0.0.0/8, 2001:db8::/32,192.0.2.1", "192.0.2.1", true)]
    [InlineData("10.0.0.0/8, 2001:db8::/32,192.0.2.1", "2001:db9::7", false)]
    [InlineData("::1", "127.0.0.1", false)]
    [InlineData("0.0.0.0/0", "203.0.113.1", true)]
    [InlineData("0.0.0.0/0", "2001:db8::7", false)]
    [InlineData("fe80::/10", "fe80::1%3", true)]
    public void Networks_Contain_WhatTheyName(string networks, string address, bool contained) => Assert.Equal(contained, ProxyNetworks.Parse(networks).Contains(IPAddress.Parse(address)));

    [Theory]
    [InlineData("", "'' is neither a network such as 10.0.0.0/8 nor an address")]
    [InlineData("10.0.0.0/8,", "'' is neither")]
    [InlineData("10.0.0.0/8;192.0.2.1", "'10.0.0.0/8;192.0.2.1' is no network")]
    [InlineData("10/8", "'10/8' is neither")]
    [InlineData("10.0.0.0/33", "0 to 32")]
    [InlineData("10.0.0.0/-1", "0 to 32")]
    [InlineData("2001:db8::/129", "0 to 128")]
    [InlineData("10.0.0.1/8", "10.0.0.1 has bits beyond the first 8")]
    [InlineData("proxy.example", "'proxy.example' is neither")]
    public void Networks_WrittenOtherwise_AreRefusedByName(string networks, string reason) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => ProxyNetworks.Parse(networks)).Message, StringComparison.Ordinal);

    [Fact]
    public void Options_WithAPortOrNetworksAlone_AreRefused()
    {
        var networks = ProxyNetworks.Parse("10.0.0.0/8");
        Assert.Null(new GatewayOptions().Refusal());
        Assert.Null(new GatewayOptions { ProxyPort = 0, ProxyNetworks = networks }.Refusal());
        Assert.StartsWith("--proxy-port needs --proxy-networks", new GatewayOptions { ProxyPort = 0 }.Refusal(), StringComparison.Ordinal);
        Assert.StartsWith("--proxy-networks says whom --proxy-port is for", new GatewayOptions { ProxyNetworks = networks }.Refusal(), StringComparison.Ordinal);
    }
}
