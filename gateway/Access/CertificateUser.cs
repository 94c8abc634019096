using System.Formats.Asn1;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Granary.Gateway.Access;

/// <summary>Which user a client's certificate is of, as RabbitMQ reads it (rabbit_ssl, rabbit_cert_info).</summary>
internal static class CertificateUser
{
    private const string CommonName = "2.5.4.3", AlternativeNames = "2.5.29.17";

    // Those that RabbitMQ has names for: of others it has the number.
    private static readonly Dictionary<string, string> Types = new(StringComparer.Ordinal)
    {
        [CommonName] = "CN",
        ["2.5.4.4"] = "SN",
        ["2.5.4.5"] = "SERIALNUMBER",
        ["2.5.4.6"] = "C",
        ["2.5.4.7"] = "L",
        ["2.5.4.8"] = "ST",
        ["2.5.4.10"] = "O",
        ["2.5.4.11"] = "OU",
        ["2.5.4.12"] = "TITLE",
        ["2.5.4.42"] = "GIVENNAME",
        ["2.5.4.43"] = "INITIALS",
        ["2.5.4.44"] = "GENERATIONQUALIFIER",
        ["2.5.4.65"] = "PSEUDONYM",
        ["0.9.2342.19200300.100.1.25"] = "DC",
        ["0.9.2342.19200300.100.1.1"] = "UID",
        ["1.2.840.113549.1.9.1"] = "EMAILADDRESS",
    };

    /// <summary>Null: the certificate has no such name.</summary>
    public static string? Of(X509Certificate2 certificate, CertificateLogin login)
    {
        try
        {
            return login.From switch
            {
                CertificateName.CommonName => CommonNameOf(certificate),
                CertificateName.SubjectAlternativeName => AlternativesOf(certificate, login.SanType).ElementAtOrDefault(login.SanIndex),
                _ => DistinguishedNameOf(certificate),
            };
        }
        catch (Exception exception) when (exception is CryptographicException or AsnContentException)
        {
            // Names in it are not what they are to be: then it has none.
            return null;
        }
    }

    // RFC 4514: the last part first.
    private static string? DistinguishedNameOf(X509Certificate2 certificate)
    {
        var name = string.Join(',', PartsOf(certificate).Select(static part => string.Join('+', part.Select(static one => $"{TypeOf(one.Type)}={Escaped(one.Value)}"))));
        return name.Length == 0 ? null : name;
    }

    // Several are all of them, in the order of the certificate.
    private static string? CommonNameOf(X509Certificate2 certificate)
    {
        var names = PartsOf(certificate).AsEnumerable().Reverse().SelectMany(static part => part).Where(static one => one.Type == CommonName).Select(static one => one.Value).ToArray();
        return names.Length == 0 ? null : string.Join(',', names);
    }

    private static List<(string Type, string Value)[]> PartsOf(X509Certificate2 certificate)
    {
        List<(string, string)[]> parts = [];
        var sequence = new AsnReader(certificate.SubjectName.RawData, AsnEncodingRules.DER).ReadSequence();
        while (sequence.HasData)
        {
            var set = sequence.ReadSetOf(skipSortOrderValidation: true);
            List<(string, string)> part = [];
            while (set.HasData)
            {
                var pair = set.ReadSequence();
                part.Add((pair.ReadObjectIdentifier(), TextOf(pair)));
            }

            parts.Add([.. part]);
        }

        parts.Reverse();
        return parts;
    }

    private static string TextOf(AsnReader value)
    {
        var tag = value.PeekTag();
        return tag.TagClass == TagClass.Universal && (UniversalTagNumber)tag.TagValue is UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString
            or UniversalTagNumber.IA5String or UniversalTagNumber.BMPString or UniversalTagNumber.T61String or UniversalTagNumber.NumericString or UniversalTagNumber.VisibleString
                ? value.ReadCharacterString((UniversalTagNumber)tag.TagValue)
                : $"#{Convert.ToHexString(value.ReadEncodedValue().Span)}";
    }

    private static string TypeOf(string identifier) => Types.GetValueOrDefault(identifier, identifier);

    private static string Escaped(string value)
    {
        // What is not ASCII, octet by octet: such a user's name has backslashes.
        var octets = Encoding.UTF8.GetBytes(value);
        var text = new StringBuilder(octets.Length);
        for (var i = 0; i < octets.Length; i++)
        {
            var letter = (char)octets[i];
            var isEscaped = ",+\"\\<>;".Contains(letter, StringComparison.Ordinal) || (i == 0 && letter is ('#' or ' ')) || (i == octets.Length - 1 && letter == ' ');
            _ = letter is < ' ' or >= '~' ? text.Append(CultureInfo.InvariantCulture, $"\\{(int)letter:X2}") : (isEscaped ? text.Append('\\') : text).Append(letter);
        }

        return text.ToString();
    }

    private static IEnumerable<string> AlternativesOf(X509Certificate2 certificate, string type)
    {
        foreach (var extension in certificate.Extensions.Where(static extension => extension.Oid?.Value == AlternativeNames))
        {
            var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            while (names.HasData)
            {
                var tag = names.PeekTag();
                if (tag.TagClass != TagClass.ContextSpecific || tag.TagValue != NumberOf(type))
                {
                    names.ReadEncodedValue();
                    continue;
                }

                yield return type switch
                {
                    "ip" => new IPAddress(names.ReadOctetString(tag)).ToString(),
                    "other_name" => OtherNameOf(names.ReadSequence(tag)),
                    _ => names.ReadCharacterString(UniversalTagNumber.IA5String, tag),
                };
            }
        }
    }

    // Of whatever type: Microsoft's user principal names are such ones.
    private static string OtherNameOf(AsnReader name)
    {
        name.ReadObjectIdentifier();
        return TextOf(name.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0)));
    }

    // GeneralName, RFC 5280.
    private static int NumberOf(string type) => type switch
    {
        "other_name" => 0,
        "email" => 1,
        "dns" => 2,
        "uri" => 6,
        _ => 7,
    };
}
