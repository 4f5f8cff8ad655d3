/**
 * The words in which APIs say no: what `recognised-text.ts` shows of a text from outside. Data, nothing else.
 *
 * What must stay out: words for digits and letters (`one`, `dash`, `alpha`), names of people, places and days, and
 * single letters, because anything can be spelled with them.
 */
const ENGLISH = `
  about above absent accept accepted access account accounts action actions activate activated active add address
  administrator after again age against agent algorithm algorithms all allow allowed allows already also an and another any api app
  application applications apps approval approve approved are argument arguments array as ask asked assertion at attempt
  attempts attribute audience auth authenticate authenticated authenticating authentication authority authorisation
  authorise authorised authorization authorize authorized availability available aws
  back backend bad balance bank base based basic batch be bearer because been before being below between blacklisted
  block blocked body both browser bucket business busy but by
  call called caller calls can cannot card case certificate certificates chain challenge change changed channel char
  character characters charge check checked checksum claim claims client clients clock closed cloud code codes common
  company complete completed computed concurrent condition conditional conditions config configuration configured
  confirm conflict connect connection consent constraint contact contain contained contains content context contract
  control cookie correct could count country create created creating creation credential credentials currency current
  currently customer customers
  daily data database date day days deactivated decline declined decode decoding decryption default deleted denied deny dependency
  deprecated depth describe description destination detail details detected developer device did different digest directory
  disable disabled disallowed does domain dpop due duplicate duplicated duration during
  each early edge either email empty enable enabled encode encoded encoding encryption end ended endpoint engine enough
  ensure enter enterprise entity entry environment err error errors exceed exceeded exceeds exception exist existing
  exists expected expiration expire expired expires expiry external
  fail failed failing fails failure fatal fault feature fetch field fields file find firewall flow following for
  forbid forbidden format forward found frequency frequent from frozen full function
  gateway general generate generated generic get given global gone grant granted grants group
  had handle handshake has hash have header headers help hit host hour hourly hours however
  eof socket hang timedout dns name
  id identification identifier identity if illegal implemented improper in inactive incomplete incorrect incorrectly
  info information initial inner input instance instead institution insufficient intent interaction internal into invalid invalidated
  ip is issue issued issuer issues it its item
  json jwks jwt
  key keys kid known
  large last later latest leaf least length less license lifetime limit limited limits line list live load locked
  login logged logout long longer lookup
  machine made mail maintenance make malformed management manager mandatory many match matched matches matching max
  maximum may measure media merchant merchants message method methods middle min minimum minute minutes mismatch missing mode
  model moment month more most moved multiple must
  name names need needed needs network never new no nonce none not number
  oauth object obtain occurred of off offline old on once only open operation option optional or order organisation
  organization origin other our out outside over owner
  page parameter parameters parse parsed parsing partner partners party passphrase password passwords path pattern pay payload payment
  payments pending per perform period permanent permanently permission permissions permitted phone place plan platform
  please policy pool port portal position possible post precondition preconditions prefix present presented prevent previous
  private privilege privileges problem process processed processing product profile profiles project prohibited proof
  properly property protected protocol provide provided provider proxy public purpose put
  query queue quota
  range rate reach reached read reason received recently recognised recognized record redirect refer reference
  refresh refused region register registered registration reject rejected rejects relation release remote removed
  repeated replay replayed report request requested requester requests require required requires reset resolve resource resources
  response restricted result retry retries return returned reused revoke revoked right role root route rule rules run running
  same sandbox schema scope scopes seconds secret secrets section secure security see select self send sending sent
  server servers service services session sessions set setting settings shared short should sign signature signatures
  signed signing since size slow so some something soon source specified ssl start state statement status step still stopped store
  string subject subscription success successful successfully such suffix supplied support supported suspended syntax system
  take target team technical temporarily temporary tenant terminal terminated terms test than that the their them then there
  therefore these they this those throttle throttled throttling through time timed timeout timestamp tls to today token tokens
  too total traffic transaction transport trusted try type types
  unable unauthenticated unauthorised unauthorized unavailable undefined under unexpected unexpectedly unhandled unique
  unknown unprocessable unreachable unrecognised unrecognized unregistered unsigned unsupported until unverified up update updated
  upgrade upstream uri url usage use used user username users uses using usual
  valid validate validated validating validation value values vendor verification verified verify version via violation
  wait was way we were when whether which while whitelist whitelisted will window with within without wrong
  year yet you your
`;

/** Indonesian: the language of the banks and payment providers that speak SNAP. */
const INDONESIAN = `
  ada akses akun aktif anda aplikasi atau bank batas belum berhasil berlaku bukan coba dan dapat dari data dengan di
  dibatasi diblokir diisi diizinkan dikenal dikenali ditemukan diterima ditolak diperlukan fitur format gagal gangguan
  habis harus hubungi jaringan kadaluarsa kadaluwarsa kami kedaluwarsa kesalahan klien kode kosong koneksi kredensial
  kunci lagi layanan lebih masa masih melebihi mencoba mitra nanti nilai nonaktif otentikasi otorisasi parameter pemeliharaan
  pengguna permintaan rahasia rusak salah sandi sedang sementara sesuai setelah sibuk sibuk silakan silahkan sistem sudah
  tanda tangan telah terdaftar terjadi terkunci terlalu tersedia tidak tunggu untuk valid wajib waktu yang
`;

export const PLAIN_WORDS: ReadonlySet<string> = new Set(
  `${ENGLISH} ${INDONESIAN}`.split(/\s+/).filter(Boolean),
);
