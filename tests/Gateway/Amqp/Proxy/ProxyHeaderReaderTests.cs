using System.Buffers;
using System.Net;
using CsCheck;
using Granary.Gateway.Amqp.Proxy;
using Granary.Testing.Walks;

namespace Granary.Gateway.Tests.Amqp.Proxy;

/// <summary>What headers of the PROXY protocol say, and what is none.</summary>
public sealed class ProxyHeaderReaderTests
{
    private static readonly Gen<IPAddress> Address = Gen.OneOf(Gen.Byte.Array[4], Gen.Byte.Array[16]).Select(octets => new IPAddress(octets));

    private static readonly Gen<(IPEndPoint Client, IPEndPoint Server)> Ends =
        from client in Address
        from server in Gen.Byte.Array[client.GetAddressBytes().Length]
        from fromPort in Gen.Int[0, 65535]
        from toPort in Gen.Int[0, 65535]
        select (new IPEndPoint(client, fromPort), new IPEndPoint(new IPAddress(server), toPort));

    private static readonly byte[][] Starts = ["PROXY "u8.ToArray(), ProxyHeaders.Signature, [.. ProxyHeaders.Signature, ProxyHeaders.Proxied, ProxyHeaders.Tcp4], []];

    // Whole headers, some with octets changed, added and taken away, and what is none from its beginning.
    private static readonly Gen<byte[]> Octets = Gen.OneOf(
        Gen.Select(Header(), Gen.Byte.Array[0, 200], (header, behind) => (byte[])[.. header, .. behind]),
        Gen.Select(Header(), Gen.Double.Unit, Gen.Byte, (header, where, value) => Changed(header, (int)(where * header.Length), value)),
        Gen.Select(Header(), Gen.Double.Unit, (header, where) => header[..(int)(where * header.Length)]),
        Gen.Select(Gen.Int[0, 3].Select(kind => Starts[kind]), Gen.Byte.Array[0, 5000], (start, behind) => (byte[])[.. start, .. behind]));

    public static TheoryData<string, string> Texts => new()
    {
        { "TCP4 203.0.113.7 192.0.2.1 56324 5672", "203.0.113.7:56324" },
        { "TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255:65535" },
        { "TCP6 2001:db8::7 2001:DB8::1 0 5672", "[2001:db8::7]:0" },
        { "TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
        { "UNKNOWN", "" },
        { "UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535", "" },
    };

    public static TheoryData<string, byte[], string> Faulty => new()
    {
        { "AMQP's own header", [.. "AMQP"u8, 0, 0, 9, 1], "it begins with 0x41" },
        { "an HTTP request", "POST / HTTP/1.1\r\n"u8.ToArray(), "it begins with P, and goes on as no header does" },
        { "a line without its family", "PROXY\r\n"u8.ToArray(), "it begins with P, and goes on as no header does" },
        { "a line without CR", "PROXY UNKNOWN\n"u8.ToArray(), "its line does not end with CR LF" },
        { "a line without an end", [.. "PROXY UNKNOWN "u8, .. Enumerable.Repeat((byte)'x', 93)], "its line does not end within 107 octets" },
        { "a line with nothing", ProxyHeaders.Text(""), "its line is none of TCP4, TCP6 (with two addresses and two ports) and UNKNOWN" },
        { "UDP", ProxyHeaders.Text("UDP4 1.2.3.4 1.2.3.4 1 2"), "its line is none of TCP4, TCP6 (with two addresses and two ports) and UNKNOWN" },
        { "no server", ProxyHeaders.Text("TCP4 1.2.3.4 1"), "its line is none of TCP4, TCP6 (with two addresses and two ports) and UNKNOWN" },
        { "two spaces", ProxyHeaders.Text("TCP4 1.2.3.4  1.2.3.4 1 2"), "its line is none of TCP4, TCP6 (with two addresses and two ports) and UNKNOWN" },
        { "the other family", ProxyHeaders.Text("TCP4 ::1 ::1 1 2"), "its line has an address or a port that is none" },
        { "three parts", ProxyHeaders.Text("TCP4 1.2.3 1.2.3.4 1 2"), "its line has an address or a port that is none" },
        { "an octal part", ProxyHeaders.Text("TCP4 1.2.3.010 1.2.3.4 1 2"), "its line has an address or a port that is none" },
        { "a scope", ProxyHeaders.Text("TCP6 fe80::1%1 ::1 1 2"), "its line has an address or a port that is none" },
        { "a port behind the address", ProxyHeaders.Text("TCP6 [::1]:5 ::1 1 2"), "its line has an address or a port that is none" },
        { "a large port", ProxyHeaders.Text("TCP4 1.2.3.4 1.2.3.4 65536 2"), "its line has an address or a port that is none" },
        { "a port with a sign", ProxyHeaders.Text("TCP4 1.2.3.4 1.2.3.4 +1 2"), "its line has an address or a port that is none" },
        { "a port with a nought before it", ProxyHeaders.Text("TCP4 1.2.3.4 1.2.3.4 01 2"), "its line has an address or a port that is none" },
        { "another signature", [0x0D, 0x0A, 0x0D, 0x0A, 0x01], "it begins with CR, and goes on as no header does" },
        { "version 1 in binary", ProxyHeaders.Binary(0x11, ProxyHeaders.Tcp4, new byte[12]), "its version and command are 0x11" },
        { "an unknown command", ProxyHeaders.Binary(0x22, ProxyHeaders.Tcp4, new byte[12]), "its version and command are 0x22" },
        { "UDP in binary", ProxyHeaders.Binary(ProxyHeaders.Proxied, 0x12, new byte[12]), "its address family and protocol are 0x12, and not those of TCP" },
        { "a socket of the file system", ProxyHeaders.Binary(ProxyHeaders.Proxied, 0x31, new byte[216]), "its address family and protocol are 0x31, and not those of TCP" },
        { "too short for its addresses", ProxyHeaders.Binary(ProxyHeaders.Proxied, ProxyHeaders.Tcp4, new byte[11]), "its length is 11" },
        { "too short for IPv6", ProxyHeaders.Binary(ProxyHeaders.Proxied, ProxyHeaders.Tcp6, new byte[35]), "its length is 35" },
        { "too long", ProxyHeaders.Binary(ProxyHeaders.Local, ProxyHeaders.Unspecified, new byte[4081]), "its length is 4081" },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void Text_OfAFamilyOrUnknown_SaysWhoTheClientIs(string line, string client)
    {
        var header = ProxyHeaders.Text(line);
        Assert.InRange(header.Length, 0, 107);
        Assert.Equal(new ProxyHeader(header.Length, client.Length == 0 ? null : IPEndPoint.Parse(client), null), Read(header));
    }

    [Fact]
    public void Header_OfAnyClient_SaysWhoItIs() => Gen.Select(Ends, Gen.Byte.Array[0, 300]).Walk(
        ends =>
        {
            var ((client, server), more) = ends;
            foreach (var header in new[] { ProxyHeaders.Text(client, server), ProxyHeaders.Binary(client, server, more) })
            {
                Assert.Equal(new ProxyHeader(header.Length, client, null), Read([.. header, .. "AMQP"u8]));
            }
        },
        count: 2_000);

    [Fact]
    public void Binary_OfAProxyThatSpeaksForItself_SaysNoClientWhateverFollows()
    {
        byte[][] headers =
        [
            ProxyHeaders.Binary(ProxyHeaders.Local, ProxyHeaders.Unspecified),
            ProxyHeaders.Binary(ProxyHeaders.Local, 0xFF, 1, 2, 3),
            ProxyHeaders.Binary(ProxyHeaders.Local, ProxyHeaders.Tcp4, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
            ProxyHeaders.Binary(ProxyHeaders.Proxied, ProxyHeaders.Unspecified),
            ProxyHeaders.Binary(ProxyHeaders.Local, ProxyHeaders.Unspecified, new byte[4080]),
        ];
        Assert.All(headers, header => Assert.Equal(new ProxyHeader(header.Length, null, null), Read(header)));
    }

    [Theory]
    [MemberData(nameof(Faulty))]
    public void Octets_ThatAreNoHeader_AreRefusedWithTheReason(string what, byte[] octets, string reason)
    {
        Assert.NotEmpty(what);
        Assert.Equal(ProxyHeader.Faulty(reason), Read(octets));
    }

    /// <summary>The same is found in whatever pieces octets come and are looked at, and what is behind the header is not looked at.</summary>
    [Fact]
    public void Octets_InAnyPieces_AreReadAlike()
    {
        int whole = 0, faulty = 0, unfinished = 0;
        Gen.Select(Octets, Gen.Int[0, 120].Array[0, 6], Gen.Byte.Array[0, 20]).Walk(
            walk =>
            {
                var (octets, places, other) = walk;
                var found = Read(octets);
                Assert.Equal(found, ProxyHeaderReader.Read(ProxyHeaders.Cut(octets, places)));
                Assert.InRange(found.Length, 0, octets.Length);
                Assert.True(found.Fault is null || found.Length == 0);

                // Unfinished up to some place, and from there on as it is at the end.
                var decided = Enumerable.Range(0, octets.Length + 1).FirstOrDefault(length => Read(octets[..length]) != ProxyHeader.Unfinished, octets.Length + 1);
                for (var length = 0; length <= octets.Length; length++)
                {
                    Assert.Equal(length < decided ? ProxyHeader.Unfinished : found, Read(octets[..length]));
                }

                if (found.Length > 0)
                {
                    Assert.Equal(found.Length, decided);
                    Assert.Equal(found, Read([.. octets[..decided], .. other]));
                }

                // A client cannot make anybody wait for more than the longest header.
                Assert.True(octets.Length < ProxyHeaderReader.LongestBinary || found != ProxyHeader.Unfinished);
                _ = found.Length > 0 ? whole++ : found.Fault is null ? unfinished++ : faulty++;
            },
            count: 1_500,
            print: walk => Convert.ToHexString(walk.Item1));

        // None of them may be rare, or the walk tests nothing.
        Assert.All([whole, faulty, unfinished], count => Assert.InRange(count, 100, 1_500));
    }

    private static Gen<byte[]> Header() => Gen.OneOf(
        Ends.Select(ends => ProxyHeaders.Text(ends.Client, ends.Server)),
        Gen.Select(Ends, Gen.Byte.Array[0, 60], (ends, more) => ProxyHeaders.Binary(ends.Client, ends.Server, more)),
        Gen.Byte.Array[0, 40].Select(rest => ProxyHeaders.Binary(ProxyHeaders.Local, ProxyHeaders.Unspecified, rest)),
        Gen.Const(ProxyHeaders.Text("UNKNOWN")));

    private static byte[] Changed(byte[] octets, int place, byte value)
    {
        octets[place] = value;
        return octets;
    }

    private static ProxyHeader Read(byte[] octets) => ProxyHeaderReader.Read(new ReadOnlySequence<byte>(octets));
}
