using System.Text;

namespace Granary.Amqp.Tests;

public sealed class FieldTableTests
{
    /// <summary>Each letter with a value, as the octets of a table with the one key k.</summary>
    public static TheoryData<string, FieldKind> Letters => new()
    {
        { "56", FieldKind.Void },
        { "7401", FieldKind.Boolean },
        { "7400", FieldKind.Boolean },
        { "62ff", FieldKind.SignedByte },
        { "42ff", FieldKind.UnsignedByte },
        { "73fffe", FieldKind.Short },
        { "75fffe", FieldKind.UnsignedShort },
        { "49fffffffd", FieldKind.Int },
        { "69fffffffd", FieldKind.UnsignedInt },
        { "6cfffffffffffffffc", FieldKind.Long },
        { "4cfffffffffffffffc", FieldKind.OtherLong },
        { "663fc00000", FieldKind.Float },
        { "643ff8000000000000", FieldKind.Double },
        { "4402ffffffff", FieldKind.Decimal },
        { "54000000005e0be100", FieldKind.Timestamp },
        { "530000000461c3a462", FieldKind.LongString },
        { "7800000002ff00", FieldKind.Bytes },
        { "410000000656490000000a", FieldKind.Array },
        { "4600000003016156", FieldKind.Table },
    };

    [Theory]
    [MemberData(nameof(Letters))]
    public void DecodeThenEncode_EveryLetter_GivesTheSameBytes(string value, FieldKind kind)
    {
        var content = Convert.FromHexString("016b" + value);

        var table = FieldTable.Decode(content);

        Assert.True(table.TryGetValue("k", out var field));
        Assert.Equal(kind, field.Kind);
        Assert.Equal(content, table.Encode());
        Assert.Equal(table, FieldTable.Decode(table.Encode()));
        Assert.Equal(table.GetHashCode(), FieldTable.Decode(content).GetHashCode());
        for (var length = 1; length < content.Length; length++)
        {
            Assert.Equal(ReplyCode.FrameError, Undecodable(content[..length]).ReplyCode);
        }
    }

    [Theory]
    [InlineData("62ff", -1)]
    [InlineData("42ff", 255)]
    [InlineData("73fffe", -2)]
    [InlineData("75fffe", 65534)]
    [InlineData("49fffffffd", -3)]
    [InlineData("69fffffffd", 4294967293)]
    [InlineData("6cfffffffffffffffc", -4)]
    [InlineData("4cfffffffffffffffc", -4)]
    public void TryGetInteger_EveryWidth_GivesTheNumber(string value, long expected)
    {
        var content = Convert.FromHexString("016b" + value);
        var reader = new FieldTableReader(content);

        Assert.True(reader.MoveNext());
        Assert.True(reader.TryGetInteger(out var inPlace));
        Assert.True(FieldTable.Decode(content)[0].Value.TryGetInteger(out var built));
        Assert.Equal((expected, expected), (inPlace, built));
        Assert.Equal(content, FieldTable.Of(("k", FieldValue.Integer(reader.Kind, expected))).Encode());
    }

    [Fact]
    public void Accessors_OfAnotherKind_SayNo()
    {
        FieldValue number = 5;
        FieldValue text = "5";

        Assert.False(text.TryGetInteger(out _) || text.TryGetBoolean(out _) || text.TryGetDouble(out _) || text.TryGetDecimal(out _));
        Assert.False(number.TryGetText(out _) || number.TryGetBytes(out _) || number.TryGetTable(out _) || number.TryGetArray(out _));
        Assert.False(number.TryGetTimestamp(out _));
        Assert.True(text.TryGetText(out var five) && five == "5");
    }

    [Fact]
    public void Accessors_OfTheKind_GiveTheValue()
    {
        Assert.True(FieldValue.Float(1.5f).TryGetDouble(out var single) && single == 1.5);
        Assert.True(((FieldValue)2.5).TryGetDouble(out var twice) && twice == 2.5);
        Assert.True(FieldValue.Decimal(new FieldDecimal(255, uint.MaxValue)).TryGetDecimal(out var money) && money == new FieldDecimal(255, uint.MaxValue));
        Assert.True(FieldValue.Timestamp(ulong.MaxValue).TryGetTimestamp(out var seconds) && seconds == ulong.MaxValue);
        Assert.True(FieldValue.Bytes([1, 2]).TryGetBytes(out var octets) && octets.Span.SequenceEqual((byte[])[1, 2]));
        Assert.True(((FieldValue)true).TryGetBoolean(out var yes) && yes);
    }

    [Theory]
    [InlineData(FieldKind.SignedByte, 128)]
    [InlineData(FieldKind.UnsignedShort, -1)]
    [InlineData(FieldKind.UnsignedInt, 4294967296)]
    [InlineData(FieldKind.Float, 1)]
    public void Integer_OutOfRange_IsRefused(FieldKind kind, long value) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => FieldValue.Integer(kind, value));

    [Fact]
    public void Lookup_DuplicateKeys_LastWinsAndAllAreKept()
    {
        var table = FieldTable.Of(("a", 1), ("b", 2), ("a", 3));
        var reader = new FieldTableReader(table.Encode());

        Assert.True(table.TryGetValue("a", out var last));
        Assert.Equal(3, last);
        Assert.Equal(["a", "b", "a"], FieldTable.Decode(table.Encode()).Select(entry => entry.Key));
        Assert.True(reader.MoveTo("a"u8) && reader.TryGetInteger(out var inPlace) && inPlace == 3);
        Assert.False(new FieldTableReader(table.Encode()).MoveTo("c"u8));
    }

    [Fact]
    public void Equals_OtherOrder_IsEqualUnlessTheKeysAreTheSame()
    {
        Assert.Equal(FieldTable.Of(("a", 1), ("b", "x")), FieldTable.Of(("b", "x"), ("a", 1)));
        Assert.Equal(FieldTable.Of(("a", 1), ("b", "x")).GetHashCode(), FieldTable.Of(("b", "x"), ("a", 1)).GetHashCode());
        Assert.NotEqual(FieldTable.Of(("a", 1), ("a", 2)), FieldTable.Of(("a", 2), ("a", 1)));
        Assert.NotEqual(FieldTable.Of(("a", 1)), FieldTable.Of(("a", 1L)));
        Assert.NotEqual(FieldTable.Of(("a", 1)), FieldTable.Of(("a", 2)));
        Assert.NotEqual(FieldTable.Of(("a", 1)), FieldTable.Of(("b", 1)));
        Assert.NotEqual(FieldTable.Of(("a", new FieldArray(1, 2))), FieldTable.Of(("a", new FieldArray(2, 1))));
    }

    [Fact]
    public void WithAndWithout_Key_LeaveTheRestInOrder()
    {
        var table = FieldTable.Of(("a", 1), ("b", 2), ("a", 3), ("c", 4));

        Assert.Equal(FieldTable.Of(("b", 2), ("a", 9), ("c", 4)).Encode(), table.With("a", 9).Encode());
        Assert.Equal(FieldTable.Of(("x", 1)).Encode(), FieldTable.Empty.With("x", 1).Encode());
        Assert.Equal(FieldTable.Of(("b", 2), ("c", 4)).Encode(), table.Without("a").Encode());
        Assert.Same(table, table.Without("z"));
    }

    [Theory]
    [InlineData("016b5a00")] // no such letter
    [InlineData("016b")] // no letter
    [InlineData("ff6b56")] // key longer than the table
    [InlineData("016b53ffffffff41")] // text longer than the table
    [InlineData("016b4100000005560000")] // array longer than the table
    [InlineData("016b46000000020161")] // entry without value within
    public void Decode_BadBytes_IsAFrameError(string hex) => Assert.Contains("cannot decode <<", Undecodable(Convert.FromHexString(hex)).Text, StringComparison.Ordinal);

    [Theory]
    [InlineData(FieldKind.Table)]
    [InlineData(FieldKind.Array)]
    public void Decode_NestedPastTheLimit_IsAFrameError(FieldKind kind)
    {
        var deepest = Nested(kind, FieldWire.MaxDepth - 1);
        Assert.Equal(deepest, FieldTable.Decode(deepest).Encode());
        FieldWire.Validate(FieldKind.Table, deepest, 0);

        var error = Undecodable(Nested(kind, FieldWire.MaxDepth));
        Assert.Equal("FRAME_ERROR - cannot decode: tables and arrays nested deeper than 100", error.Text);
    }

    [Fact]
    public void Key_NotUtf8_IsKeptAsItIs()
    {
        byte[] content = [3, (byte)'a', 0xFF, 0xE4, (byte)'V'];

        var table = FieldTable.Decode(content);

        Assert.Equal("a\uDCFF\uDCE4", table[0].Key);
        Assert.Equal(content, table.Encode());
    }

    [Fact]
    public void Key_LongerThan255Bytes_IsRefused() =>
        Assert.Throws<ArgumentException>(() => FieldTable.Of((new string('k', 256), 1)));

    [Fact]
    public void ToString_NestedTable_ShowsKeysAndValues() =>
        Assert.Equal("{a: 1, b: [x, true, {}]}", FieldTable.Of(("a", 1), ("b", new FieldArray("x", true, FieldTable.Empty))).ToString());

    [Fact]
    public void ArrayReader_OfTexts_GivesThemInPlace()
    {
        var content = FieldTable.Of(("CC", new FieldArray("one", "two"))).Encode();
        var reader = new FieldTableReader(content);
        Assert.True(reader.MoveTo("CC"u8));
        Assert.Equal(FieldKind.Array, reader.Kind);

        var texts = new List<string>();
        var array = new FieldArrayReader(reader.Value);
        while (array.MoveNext())
        {
            Assert.Equal(FieldKind.LongString, array.Kind);
            texts.Add(Encoding.UTF8.GetString(array.Value));
        }

        Assert.Equal(["one", "two"], texts);
        Assert.Equal(new FieldArray("one", "two"), reader.ToFieldValue());
    }

    // The innermost level is a table or array inside as many others.
    private static byte[] Nested(FieldKind kind, int levels)
    {
        byte[] inner = [];
        for (var level = 0; level < levels; level++)
        {
            byte[] length = [(byte)(inner.Length >> 24), (byte)(inner.Length >> 16), (byte)(inner.Length >> 8), (byte)inner.Length];
            var outermost = level == levels - 1;
            inner = kind == FieldKind.Table || outermost ? [0, (byte)kind, .. length, .. inner] : [(byte)kind, .. length, .. inner];
        }

        return inner;
    }

    // Both readings have to refuse: the one that builds and the one that only looks.
    private static AmqpConnectionException Undecodable(byte[] content)
    {
        var looking = Assert.Throws<AmqpConnectionException>(() => FieldWire.Validate(FieldKind.Table, content, 0));
        var building = Assert.Throws<AmqpConnectionException>(() => FieldTable.Decode(content));
        Assert.Equal(building.Text, looking.Text);
        return building;
    }
}
